//! How counters of one record move: what is used of a window, by its own amount first and then by
//! raises, and what is used of a rate.

use super::counter::CounterId;
use super::record::Record;
use super::rule::{Bound, Limit, Mode, Raise};
use super::terms::Terms;
use super::time::{Monotonic, Now};

/// What was taken from one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) counter: CounterId,
    /// The window's, 0 for all others.
    pub(super) start: u64,
    /// The bucket's, 0 for all others.
    pub(super) opened: Monotonic,
    pub(super) amount: u128,
    /// For a purse, the window counter whose amount it is part of.
    pub(super) of: Option<CounterId>,
}

/// Adds to what is used in a window: from the rule's own amount, then from raises, earliest end
/// first, and what is beyond them from the amount again. Returns all of it, and then what raises
/// carry of it.
pub(super) fn spend(
    record: &mut Record,
    terms: Terms<'_>,
    counter: CounterId,
    start: u64,
    amount: u128,
    now: Now,
) -> Vec<Part> {
    let (own, raises) = own_and_raises(terms.limits, counter);
    let own = terms.leased(own, counter, start);
    let Some(bucket) = record.bucket_mut(counter, start, now.monotonic) else {
        return Vec::new();
    };
    let left = own.saturating_sub(bucket.used.saturating_sub(bucket.raised));
    bucket.used = bucket.used.saturating_add(amount);
    let mut parts = vec![Part {
        counter,
        start,
        opened: bucket.opened,
        amount,
        of: None,
    }];
    let beyond = amount.saturating_sub(left);
    let mut rest = beyond;
    for raise in raises.iter().filter(|raise| now.seconds() < raise.until) {
        let Some(purse) = record.bucket_mut(raise.counter, 0, now.monotonic) else {
            continue;
        };
        let lent = terms.leased(raise.amount, raise.counter, 0);
        let carried = lent.saturating_sub(purse.used).min(rest);
        if carried > 0 {
            purse.used = purse.used.saturating_add(carried);
            rest = rest.saturating_sub(carried);
            parts.push(Part {
                counter: raise.counter,
                start: 0,
                opened: purse.opened,
                amount: carried,
                of: Some(counter),
            });
        }
    }
    if let Some(bucket) = record.kept_bucket_mut(counter, start) {
        let raised = beyond.saturating_sub(rest);
        bucket.raised = bucket.raised.saturating_add(raised);
    }
    parts
}

/// What is left of a limit in the window, or of the rate: of its amount, and of raises. What was
/// used beyond the amount is owed: raises have it to cover first.
pub(super) fn left(record: &Record, terms: Terms<'_>, limit: &Limit, start: u64, now: Now) -> u128 {
    left_with(0, record, terms, limit, start, now)
}

/// The same, were so much of it given back.
pub(super) fn left_with(
    given_back: u128,
    record: &Record,
    terms: Terms<'_>,
    limit: &Limit,
    start: u64,
    now: Now,
) -> u128 {
    let (amount, raises, counter) = match &limit.bound {
        Bound::Window {
            amount,
            raises,
            counter,
            ..
        } => (*amount, raises, *counter),
        Bound::Rate { rate, counter, .. } => {
            return record.rate_left(rate, *counter, now.monotonic).0.into();
        }
        Bound::Concurrency(_) | Bound::Output(_) => return u128::MAX,
    };
    let amount = terms.leased(amount, counter, start);
    let bucket = record.bucket(counter, start);
    if !spends_raises(terms, limit) {
        return amount.saturating_sub(bucket.used.saturating_sub(given_back));
    }
    let whole = amount.saturating_add(left_of(raises, record, terms, now.seconds()));
    let own = bucket.used.saturating_sub(bucket.raised);
    whole.saturating_sub(own.saturating_sub(given_back))
}

/// What a window of the limit that begins at this moment, in Unix seconds, grants with what raises
/// have left.
pub(super) fn granted(record: &Record, terms: Terms<'_>, limit: &Limit, moment: u64) -> u128 {
    match &limit.bound {
        Bound::Window { amount, raises, .. } if spends_raises(terms, limit) => {
            amount.saturating_add(left_of(raises, record, terms, moment))
        }
        Bound::Window { amount, .. } => *amount,
        _ => 0,
    }
}

/// Whether no other limit's raises are spent for its counter.
fn spends_raises(terms: Terms<'_>, limit: &Limit) -> bool {
    let counter = limit.bound.counter();
    let owner = counter.and_then(|counter| raised(terms.limits, counter));
    owner.is_none_or(|owner| std::ptr::eq(owner, limit))
}

/// What raises that hold at this moment, in Unix seconds, have left.
fn left_of(raises: &[Raise], record: &Record, terms: Terms<'_>, moment: u64) -> u128 {
    let active = raises.iter().filter(|raise| moment < raise.until);
    let purses = active.map(|raise| {
        let spent = record.bucket(raise.counter, 0).used;
        let lent = terms.leased(raise.amount, raise.counter, 0);
        lent.saturating_sub(spent)
    });
    purses.fold(0, u128::saturating_add)
}

/// Takes note of what was spent besides, in the order in which raises are spent.
pub(super) fn merge(parts: &mut Vec<Part>, spent: Vec<Part>, limits: &[Limit]) {
    let order = |part: &Part| {
        let (_, raises) = own_and_raises(limits, part.of.unwrap_or(part.counter));
        raises
            .iter()
            .position(|raise| raise.counter == part.counter)
    };
    for new in spent {
        let is_same = |part: &&mut Part| {
            (part.counter, part.start, part.opened) == (new.counter, new.start, new.opened)
        };
        if let Some(part) = parts.iter_mut().find(is_same) {
            part.amount = part.amount.saturating_add(new.amount);
            continue;
        }
        let is_later = |part: &Part| part.of == new.of && order(part) > order(&new);
        let at = parts.iter().position(is_later).unwrap_or(parts.len());
        parts.insert(at, new);
    }
}

/// Gives back part of what `part` took, to the raises among `parts` first, the latest end first: as
/// if only the rest had been spent.
pub(super) fn give_back(record: &mut Record, parts: &[Part], part: &Part, amount: u128) {
    let mut rest = amount;
    let carried = parts.iter().rev();
    for carried in carried.filter(|carried| carried.of == Some(part.counter)) {
        let back = carried.amount.min(rest);
        rest = rest.saturating_sub(back);
        if let Some(purse) = record.kept_bucket_mut(carried.counter, 0) {
            purse.used = purse.used.saturating_sub(back);
        }
    }
    let bucket = record.kept_bucket_mut(part.counter, part.start);
    if let Some(bucket) = bucket.filter(|bucket| bucket.opened == part.opened) {
        let raised = amount.saturating_sub(rest);
        bucket.used = bucket.used.saturating_sub(amount);
        bucket.raised = bucket.raised.saturating_sub(raised);
    }
}

/// Settles what was reserved of a rate as what was used. Its rule may have been switched between
/// shadow and enforced since, and the counter with it.
pub(super) fn settle_rate(
    record: &mut Record,
    limits: &[Limit],
    id: CounterId,
    reserved: u128,
    used: u128,
    now: Now,
) {
    let rates = limits.iter().find_map(|limit| match &limit.bound {
        Bound::Rate { rate, counter, .. } if *counter == id => Some(rate),
        _ => None,
    });
    let units = |amount| u64::try_from(amount).unwrap_or(u64::MAX);
    if let Some(rate) = rates {
        let other = id.in_other_mode();
        let is_both = limits.iter().any(|l| l.bound.counter() == Some(other));
        let is_switched = !is_both && record.has_counter(other) && !record.has_counter(id);
        let kept = if is_switched { other } else { id };
        let state = record.rate(kept);
        let state = rate.settle(state, units(reserved), units(used), now.monotonic);
        record.set_rate(kept, state);
    }
}

/// The limit whose raises are spent where several look at one window: one that refuses, if there is
/// any. What only warns or watches never opens it.
pub(super) fn raised(limits: &[Limit], id: CounterId) -> Option<&Limit> {
    let mut raised: Option<&Limit> = None;
    let mut is_enforced = false;
    for limit in limits.iter().filter(|l| l.bound.counter() == Some(id)) {
        let enforces = limit.mode == Mode::Enforce;
        if limit.bound.is_raised() && (enforces || raised.is_none()) {
            raised = Some(limit);
        }
        is_enforced |= enforces;
    }
    raised.filter(|limit| !is_enforced || limit.mode == Mode::Enforce)
}

/// The amount of the rule whose raises are spent, and those; without one nothing is carried.
fn own_and_raises(limits: &[Limit], id: CounterId) -> (u128, &[Raise]) {
    match raised(limits, id).map(|limit| &limit.bound) {
        Some(Bound::Window { amount, raises, .. }) => (*amount, raises),
        _ => (0, &[]),
    }
}
