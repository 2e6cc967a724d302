//! Why a request does not fit a limit, and whether waiting helps.

use super::counter::CounterId;
use super::record::Record;
use super::spending;
use super::terms::Terms;
use super::time::Now;
use super::window::Window;

/// A limit that a request does not fit. Amounts in the limit's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The limit's index in its account.
    pub limit: usize,
    /// What the request would have taken.
    pub requested: u128,
    /// What is left.
    pub left: u128,
    /// What other requests in flight hold, which may come back. 0 for rates.
    pub held: u128,
    /// When it could fit.
    pub wait: Wait,
    /// The calendar window in which it counts.
    pub window: Option<Window>,
}

/// How long a request has to wait until it could fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// Until another request ends.
    Unknown,
    /// Nanoseconds.
    For(u64),
    /// The amount counts for good.
    Forever,
    /// It is larger than what the limit could ever grant.
    TooLarge,
}

/// The limits that look at this counter, and that `more` of it does not fit.
pub(super) fn exceeded<'a>(
    record: &'a Record,
    terms: Terms<'a>,
    counter: CounterId,
    start: u64,
    more: u128,
    now: Now,
) -> impl Iterator<Item = Shortfall> + 'a {
    let limits = terms.limits.iter().enumerate();
    limits.filter_map(move |(index, limit)| {
        if limit.bound.counter() != Some(counter) {
            return None;
        }
        let left = spending::left(record, terms, limit, start, now);
        (left < more).then(|| {
            let window = terms.window(limit, start);
            Shortfall {
                limit: index,
                requested: more,
                left,
                held: record.held(counter, start),
                wait: match window.map(|window| window.end) {
                    Some(Some(end)) => Wait::For(now.until(end)),
                    Some(None) if terms.leases.is_none() => Wait::Forever,
                    Some(None) | None => Wait::Unknown,
                },
                window,
            }
        })
    })
}
