//! Accounts' records in the data that the host shares between workers: what the core asks of them,
//! one operation after the other.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;

use log::{error, warn};
use tollgate_core::exchange::Plan;
use tollgate_core::limits::extending::{Extended, Extending};
use tollgate_core::limits::record::Vm;
use tollgate_core::limits::reservation::{Lost, Reservation};
use tollgate_core::limits::rule::Amounts;
use tollgate_core::limits::settling::{Failure, Settling};
use tollgate_core::limits::shared::{Found, Store, run};
use tollgate_core::limits::taken::Taken;
use tollgate_core::limits::taking::{Inputs, Taking};
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::time::Now;
use tollgate_core::policy::{Account, AccountName, KeyId, ModelId, Policy};

use crate::member::Member;
use crate::{shared_data, vm};

thread_local! {
    static KEPT_UNDER: Cell<&'static str> = const { Cell::new("") };
}

/// Settlements that wait to be tried again: beyond that, they are given up.
const MOST_WAITING: usize = 10_000;

/// Says what the records of accounts are kept under: the same for all roots of a module.
pub(crate) fn keep_records_under(prefix: &'static str) {
    KEPT_UNDER.set(prefix);
}

/// The key of an account's record in the data that VMs share.
pub(crate) fn record_key(account: AccountName<'_>) -> String {
    let mut key = String::with_capacity(96);
    key.push_str(KEPT_UNDER.get());
    // Writing to a string can't fail.
    let _ = write!(key, ".{account}");
    key
}

/// Whose a request is, so that its accounts are found again.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) policy: Rc<Policy>,
    pub(crate) key: Option<KeyId>,
    pub(crate) model: Option<ModelId>,
}

impl Owner {
    fn accounts(&self) -> Vec<Account<'_>> {
        let model = self.model.and_then(|model| self.policy.model(model));
        self.policy.accounts(self.key, model)
    }
}

/// A settlement with one account that could not be written yet.
pub(crate) struct Unsettled {
    owner: Owner,
    account: usize,
    reservation: Reservation,
    used: Amounts,
}

/// Takes what a planned request needs, or nothing. What could not be given back is left in
/// `unsettled`.
pub(crate) fn take(
    plan: &Plan<'_>,
    now: Now,
    member: &Member,
    waiting: &mut Vec<Unsettled>,
) -> Taken {
    let accounts = plan.accounts();
    if accounts.is_empty() {
        return Taken::default();
    }
    let terms: Vec<Terms<'_>> = accounts.iter().map(|account| account.terms).collect();
    let mut taking = Taking::new(Inputs {
        terms: &terms,
        demand: plan.demand(),
        now,
        vm: member.vm,
        vms: &member.vms,
    });
    run(&mut taking, &mut Records::of(&accounts));
    let mut taken = taking.finish();
    vm::with_metrics(|metrics| metrics.count_swap_retries(taken.conflicts));
    for (account, failure, reservation) in taken.unsettled.drain(..) {
        let unsettled = Unsettled {
            owner: Owner {
                policy: plan.policy(),
                key: plan.key(),
                model: plan.model_id(),
            },
            account,
            reservation,
            used: Amounts::default(),
        };
        unsettled.keep(failure, waiting);
    }
    report_lost(&accounts, &taken.lost);
    taken
}

/// One record for each account and dead VM: what that held of the account's counters.
fn report_lost(accounts: &[Account<'_>], lost: &[(usize, Lost)]) {
    let mut held: BTreeMap<(usize, Vm), String> = BTreeMap::new();
    for (account, lost) in lost {
        let counters = held.entry((*account, lost.vm)).or_default();
        let separator = if counters.is_empty() { "" } else { "," };
        // Writing to a string can't fail.
        let _ = write!(
            counters,
            "{separator}\"{:016x}\":\"{}\"",
            lost.counter.to_bits(),
            lost.amount
        );
    }
    for ((account, vm), counters) in held {
        if let Some(Account { name, .. }) = accounts.get(account) {
            let (slot, generation) = (vm.slot, vm.generation);
            warn!(
                "vm-lost: {{\"account\":\"{name}\",\"vm\":\"{slot}.{generation}\",\"held\":{{{counters}}}}}"
            );
        }
    }
}

/// What is kept of these accounts.
pub(crate) fn read_all(accounts: &[Account<'_>]) -> Vec<Found> {
    let mut records = Records::of(accounts);
    (0..accounts.len())
        .map(|account| records.read(account))
        .collect()
}

/// Settles what is held as what was used. What can't be written is left in `waiting`.
pub(crate) fn settle(
    owner: &Owner,
    reservations: &[Reservation],
    used: Amounts,
    now: Now,
    waiting: &mut Vec<Unsettled>,
) {
    let failed = settle_all(&owner.accounts(), reservations, used, now);
    for (account, failure) in failed {
        let Some(reservation) = reservations.get(account) else {
            continue;
        };
        let unsettled = Unsettled {
            owner: owner.clone(),
            account,
            reservation: reservation.clone(),
            used,
        };
        unsettled.keep(failure, waiting);
    }
}

/// Reserves more, up to `amounts` in all.
pub(crate) fn extend(
    owner: &Owner,
    reservations: Vec<Reservation>,
    amounts: Amounts,
    now: Now,
) -> Extended {
    let accounts = owner.accounts();
    let terms: Vec<Terms<'_>> = accounts.iter().map(|account| account.terms).collect();
    let mut extending = Extending::new(&terms, reservations, amounts, now);
    run(&mut extending, &mut Records::of(&accounts));
    let extended = extending.finish();
    vm::with_metrics(|metrics| metrics.count_swap_retries(extended.conflicts));
    extended
}

/// Tries again what could not be written.
pub(crate) fn settle_waiting(waiting: &mut Vec<Unsettled>, now: Now) {
    for unsettled in std::mem::take(waiting) {
        let accounts = unsettled.owner.accounts();
        let Some(account) = accounts.get(unsettled.account) else {
            continue;
        };
        let account = std::slice::from_ref(account);
        let reservation = std::slice::from_ref(&unsettled.reservation);
        let failed = settle_all(account, reservation, unsettled.used, now);
        drop(accounts);
        if let Some((_, failure)) = failed.first() {
            unsettled.keep(*failure, waiting);
        }
    }
}

impl Unsettled {
    fn keep(self, failure: Failure, waiting: &mut Vec<Self>) {
        if failure == Failure::Busy && waiting.len() < MOST_WAITING {
            waiting.push(self);
            return;
        }
        let accounts = self.owner.accounts();
        let Some(Account { name: account, .. }) = accounts.get(self.account) else {
            return;
        };
        error!(
            "the account {account} can't be settled: {}; what was held for a request that came to {} \
             USD stays taken",
            failure.text(),
            self.used.cost
        );
    }
}

fn settle_all(
    accounts: &[Account<'_>],
    reservations: &[Reservation],
    used: Amounts,
    now: Now,
) -> Vec<(usize, Failure)> {
    let terms: Vec<Terms<'_>> = accounts.iter().map(|account| account.terms).collect();
    let mut settling = Settling::new(&terms, reservations, used, now);
    run(&mut settling, &mut Records::of(accounts));
    vm::with_metrics(|metrics| metrics.count_swap_retries(settling.conflicts()));
    settling.failed().to_vec()
}

/// The records of some accounts, by the keys that they are shared under.
struct Records(Vec<String>);

impl Records {
    fn of(accounts: &[Account<'_>]) -> Self {
        let keys = accounts.iter();
        Self(keys.map(|account| record_key(account.name)).collect())
    }

    fn key(&self, account: usize) -> &str {
        self.0.get(account).map_or("", String::as_str)
    }
}

impl Store for Records {
    fn read(&mut self, account: usize) -> Found {
        shared_data::read(self.key(account))
    }

    fn write(&mut self, account: usize, value: &[u8], cas: u32) -> bool {
        shared_data::write(self.key(account), value, cas)
    }
}
