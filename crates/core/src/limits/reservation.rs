//! What is taken from one account for a request, and how that is settled when the request ends.
//! It works on a decoded copy of the account's record.

use super::counter::CounterId;
use super::judge::Verdict;
use super::record::{Record, Vm};
use super::rule::{Amounts, Bound, Limit, Measure};
use super::shortfall::{self, Shortfall};
use super::spending::{self, Part, give_back, settle_rate, spend};
use super::terms::Terms;
use super::time::Now;
use super::vms::Vms;

/// What one account holds for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservation {
    epoch: u64,
    vm: Vm,
    parts: Vec<Part>,
}

/// What a dead VM held of one counter: spent now, or free where it was requests in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The dead VM.
    pub vm: Vm,
    /// What it held of.
    pub counter: CounterId,
    /// How much.
    pub amount: u128,
}

/// Takes what [`super::judge::judge`] found. To be called only if nothing refuses.
pub fn take(
    record: &mut Record,
    terms: Terms<'_>,
    verdict: &Verdict,
    now: Now,
    vm: Vm,
) -> Reservation {
    record.tidy(|id| terms.limits.iter().any(|limit| limit.names(id)));
    let mut reservation = Reservation {
        epoch: record.epoch,
        vm,
        parts: Vec::with_capacity(verdict.takes.len().saturating_add(1)),
    };
    record.hold(vm, CounterId::CONCURRENCY, 0, 1);
    reservation.note(CounterId::CONCURRENCY, 0, 1);
    for take in &verdict.takes {
        let mut limits = terms.limits.iter();
        match limits
            .find(|limit| limit.names(take.counter))
            .map(|limit| &limit.bound)
        {
            Some(Bound::Rate { rate, .. }) => {
                let units = u64::try_from(take.amount).unwrap_or(u64::MAX);
                if let Ok(state) = rate.take(record.rate(take.counter), units, now.monotonic) {
                    record.set_rate(take.counter, state);
                    reservation.note(take.counter, 0, take.amount);
                }
            }
            Some(Bound::Window { .. }) => {
                let spent = spend(record, terms, take.counter, take.start, take.amount, now);
                record.hold(vm, take.counter, take.start, take.amount);
                reservation.parts.extend(spent);
            }
            Some(Bound::Concurrency(_) | Bound::Output(_)) | None => {}
        }
    }
    reservation
}

/// Settles what was reserved as what was used: the rest goes back, and what is beyond is taken too,
/// in the window that it was reserved in. An undo is a settlement as nothing.
///
/// Where what was reserved is not in the record any more (the host has lost it, or clocks have
/// jumped), all that was used is taken.
pub fn settle(
    record: &mut Record,
    terms: Terms<'_>,
    reservation: &Reservation,
    used: &Amounts,
    now: Now,
) {
    for part in &reservation.parts {
        let fate = Fate::of(record, reservation, part);
        if fate == Fate::Held {
            record.release(reservation.vm, part.counter, part.start, part.amount);
        }
        let Some(measure) = part.counter.measure() else {
            continue;
        };
        let used = measure.of(used);
        let reserved = if fate == Fate::Held { part.amount } else { 0 };
        if part.counter.is_rate() {
            settle_rate(record, terms.limits, part.counter, reserved, used, now);
            continue;
        }
        let unused = part.amount.saturating_sub(used);
        let back = match fate {
            Fate::Held => unused,
            Fate::Reopened => part.amount,
            // What raises carry counts beyond the window.
            Fate::Past => unused,
            Fate::Lost => 0,
        };
        if back > 0 {
            give_back(record, &reservation.parts, part, back);
        }
        let more = used.saturating_sub(reserved);
        if fate != Fate::Past && more > 0 && record.has_room(part.counter, part.start) {
            spend(record, terms, part.counter, part.start, more, now);
        }
    }
}

/// What has become of a part that was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is in the record.
    Held,
    /// Its window has given way to others and come back, as clocks jump.
    Reopened,
    /// Its window has given way to others.
    Past,
    /// The host has lost the record.
    Lost,
}

impl Fate {
    fn of(record: &Record, reservation: &Reservation, part: &Part) -> Self {
        if record.epoch != reservation.epoch {
            Self::Lost
        } else if record.bucket(part.counter, part.start).opened == part.opened {
            Self::Held
        } else if record.has_room(part.counter, part.start) {
            Self::Reopened
        } else {
            Self::Past
        }
    }
}

/// Takes more, so that what is held comes to `amounts`, also where that does not fit. Returns the
/// limits that it does not fit. What is not in the record any more is left to the settlement.
pub(super) fn extend(
    record: &mut Record,
    terms: Terms<'_>,
    reservation: &mut Reservation,
    amounts: &Amounts,
    now: Now,
) -> Vec<Shortfall> {
    let mut exceeded = Vec::new();
    if record.epoch != reservation.epoch {
        return exceeded;
    }
    for part in reservation.parts.clone() {
        let wanted = part.counter.measure().map(|measure| measure.of(amounts));
        let more = wanted.unwrap_or(0).saturating_sub(part.amount);
        if more == 0 || record.bucket(part.counter, part.start).opened != part.opened {
            continue;
        }
        exceeded.extend(shortfall::exceeded(
            record,
            terms,
            part.counter,
            part.start,
            more,
            now,
        ));
        let spent = if part.counter.is_rate() {
            let all = part.amount.saturating_add(more);
            settle_rate(record, terms.limits, part.counter, part.amount, all, now);
            vec![Part {
                amount: more,
                ..part
            }]
        } else {
            if record.is_holding(reservation.vm) {
                record.hold(reservation.vm, part.counter, part.start, more);
            }
            spend(record, terms, part.counter, part.start, more, now)
        };
        spending::merge(&mut reservation.parts, spent, terms.limits);
    }
    exceeded
}

/// A rate whose rule was switched between shadow and enforced goes on with what was used.
pub fn follow_edits(record: &mut Record, limits: &[Limit]) {
    let named = |id| limits.iter().any(|limit| limit.names(id));
    let ids = limits.iter().filter_map(|limit| limit.bound.counter());
    for id in ids.filter(|id| id.is_rate()) {
        let before = id.in_other_mode();
        if !named(before) {
            record.rename(before, id);
        }
    }
}

/// Clears what dead VMs hold. What it was stays used; requests in flight are over.
pub fn clear_dead(record: &mut Record, vms: &Vms) -> Vec<Lost> {
    if !record.holds.iter().any(|hold| vms.is_dead(hold.vm)) {
        return Vec::new();
    }
    let (dead, alive): (Vec<_>, Vec<_>) = std::mem::take(&mut record.holds)
        .into_iter()
        .partition(|hold| vms.is_dead(hold.vm));
    record.holds = alive;
    let lost = dead.into_iter().map(|hold| Lost {
        vm: hold.vm,
        counter: hold.counter,
        amount: hold.amount,
    });
    lost.collect()
}

impl Reservation {
    /// What is held, in the unit of each measure; each as often as something counts it.
    pub fn held(&self) -> impl Iterator<Item = (Measure, u128)> {
        let parts = self.parts.iter();
        parts.filter_map(|part| Some((part.counter.measure()?, part.amount)))
    }

    /// Whether it comes to `amounts`.
    pub(crate) fn covers(&self, amounts: &Amounts) -> bool {
        self.parts.iter().all(|part| {
            let measure = part.counter.measure();
            measure.is_none_or(|measure| measure.of(amounts) <= part.amount)
        })
    }

    fn note(&mut self, counter: CounterId, start: u64, amount: u128) {
        self.parts.push(Part {
            counter,
            start,
            opened: 0,
            amount,
            of: None,
        });
    }
}

impl Limit {
    /// Whether it looks at this counter.
    fn names(&self, id: CounterId) -> bool {
        let is_raise = match &self.bound {
            Bound::Window { raises, .. } => raises.iter().any(|raise| raise.counter == id),
            _ => false,
        };
        is_raise || self.bound.counter() == Some(id)
    }
}
