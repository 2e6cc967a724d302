//! What all streams of one VM share. It outlives the policies.

use std::cell::RefCell;
use std::rc::Rc;

use tollgate_core::exchange::{Plan, RefusalCache};
use tollgate_core::limits::learning::Learning;
use tollgate_core::limits::record::Vm;
use tollgate_core::limits::reservation::Reservation;
use tollgate_core::limits::rule::Amounts;
use tollgate_core::limits::taken::Taken;
use tollgate_core::limits::time::Now;
use tollgate_core::policy::Policy;
use tollgate_core::refusal::Refusal;

use crate::accounts::{self, Owner, Unsettled};
use crate::member::{self, Member};
use crate::metrics::Metrics;
use crate::{gauges, learned};

thread_local! {
    static METRICS: RefCell<Metrics> = RefCell::default();
    static LEARNING: RefCell<Learning> = RefCell::default();
    static LATEST: RefCell<Latest> = RefCell::default();
    static REFUSALS: RefCell<RefusalCache> = RefCell::default();
    static MEMBER: RefCell<Option<Rc<Member>>> = RefCell::default();
    static WAITING: RefCell<Vec<Unsettled>> = RefCell::default();
}

/// The policy that came last, and how far ticks have come with it.
#[derive(Default)]
struct Latest {
    policy: Option<Rc<Policy>>,
    next_account: usize,
    next_model: usize,
}

/// Says to other VMs that this one is alive, and tries again what could not be settled.
pub(crate) fn tick(now: Now) {
    match member(now) {
        Ok(member) => with_metrics(|metrics| metrics.set_dead_vms(member.vms.dead())),
        Err(problem) => log::error!("{problem}"),
    }
    WAITING.with_borrow_mut(|waiting| accounts::settle_waiting(waiting, now));
    LEARNING.with_borrow_mut(learned::share);
    LATEST.with_borrow_mut(|latest| {
        let Some(policy) = &latest.policy else {
            return;
        };
        latest.next_account = gauges::show(policy, latest.next_account, now);
        latest.next_model = LEARNING
            .with_borrow_mut(|learning| learned::refresh(learning, policy, latest.next_model));
    });
}

/// The policy that ticks look at from now on.
pub(crate) fn follow(policy: Rc<Policy>) {
    with_metrics(|metrics| metrics.keep_budgets_of(&policy));
    LATEST.replace(Latest {
        policy: Some(policy),
        ..Latest::default()
    });
}

/// The same, for a VM that has its place already: reloads in a row put off each tick.
pub(crate) fn keep_alive(now: Now) {
    if MEMBER.with_borrow(Option::is_some) {
        tick(now);
    }
}

/// Takes what a planned request needs from its accounts, or nothing.
///
/// # Errors
/// If the state that VMs share can't be read or written.
pub(crate) fn take(plan: &Plan<'_>, now: Now) -> Result<Taken, Refusal> {
    if !plan.is_counted() {
        return Ok(Taken::default());
    }
    let member = member(now).map_err(|problem| {
        log::error!("{problem}");
        Refusal::StateUnavailable { account: None }
    })?;
    Ok(WAITING.with_borrow_mut(|waiting| accounts::take(plan, now, &member, waiting)))
}

/// Settles what is held as what was used.
pub(crate) fn settle(owner: &Owner, reservations: &[Reservation], used: Amounts, now: Now) {
    WAITING.with_borrow_mut(|waiting| {
        accounts::settle(owner, reservations, used, now, waiting);
    });
}

/// What this VM is to others, as of the last tick or later.
fn member(now: Now) -> Result<Rc<Member>, member::Lost> {
    MEMBER.with_borrow_mut(|member| {
        if let Some(current) = member.as_ref().filter(|member| member.is_current(now)) {
            return Ok(Rc::clone(current));
        }
        let beaten = Rc::new(Member::beat(member.as_deref(), now)?);
        let Vm { slot, generation } = beaten.vm;
        if member.as_ref().is_none_or(|before| before.vm != beaten.vm) {
            log::info!("this VM is {slot}.{generation} of the proxy's");
        }
        *member = Some(Rc::clone(&beaten));
        Ok(beaten)
    })
}

pub(crate) fn with_refusals<T>(use_it: impl FnOnce(&mut RefusalCache) -> T) -> T {
    REFUSALS.with_borrow_mut(use_it)
}

pub(crate) fn with_learning<T>(use_it: impl FnOnce(&mut Learning) -> T) -> T {
    LEARNING.with_borrow_mut(use_it)
}

pub(crate) fn with_metrics(use_them: impl FnOnce(&mut Metrics)) {
    METRICS.with_borrow_mut(use_them);
}
