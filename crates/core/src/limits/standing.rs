//! How an account stands with its limits: what is left, what is held, when it is whole again.

use super::counter::CounterId;
use super::record::Record;
use super::rule::{Bound, Limit, Measure, Mode};
use super::terms::Terms;
use super::time::Now;
use super::view::WindowView;

/// One limit of one account, as it stands. Amounts in the limit's own unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The limit's index in its account.
    pub limit: usize,
    /// What is counted; `None`: requests in flight.
    pub measure: Option<Measure>,
    /// Whether it refuses.
    pub is_enforced: bool,
    /// Whether its amounts stay out of what clients are told.
    pub hides_amounts: bool,
    /// The limit; of a rate, its burst.
    pub amount: u128,
    /// What is left, raises included.
    pub left: u128,
    /// What requests in flight hold.
    pub held: u128,
    /// Nanoseconds until all of it is there again; `None`: never, or when requests end.
    pub resets: Option<u64>,
}

/// Every limit that counts something.
pub fn all<'a>(
    record: &'a Record,
    terms: Terms<'a>,
    now: Now,
) -> impl Iterator<Item = Standing> + 'a {
    let limits = terms.limits.iter().enumerate();
    limits.filter_map(move |(index, limit)| of(record, terms, index, limit, now))
}

/// Thousandths of each budget that are used or held, without what raises carry, by its rule;
/// whether it refuses or warns.
pub fn budgets<'a>(
    record: &'a Record,
    terms: Terms<'a>,
    now: Now,
) -> impl Iterator<Item = (&'a str, u64)> + 'a {
    let shown = terms.limits.iter().filter(|l| l.mode != Mode::Shadow);
    shown.filter_map(move |limit| {
        let view = WindowView::of(record, terms, limit, now)?;
        let bucket = record.bucket(view.counter, view.window.start);
        let used = bucket.used.saturating_sub(bucket.raised);
        let permille = used.saturating_mul(1000).checked_div(view.amount)?;
        let permille = u64::try_from(permille).unwrap_or(u64::MAX);
        (view.measure == Measure::Money).then_some((&*limit.rule, permille))
    })
}

fn of(
    record: &Record,
    terms: Terms<'_>,
    index: usize,
    limit: &Limit,
    now: Now,
) -> Option<Standing> {
    let Counted {
        measure,
        amount,
        left,
        held,
        resets,
    } = match &limit.bound {
        Bound::Output(_) => return None,
        Bound::Concurrency(most) => concurrency(record, *most),
        Bound::Rate {
            measure,
            rate,
            counter,
            ..
        } => {
            let (left, resets) = record.rate_left(rate, *counter, now.monotonic);
            Counted {
                measure: Some(*measure),
                amount: rate.burst().into(),
                left: left.into(),
                held: 0,
                resets: Some(resets),
            }
        }
        Bound::Window { .. } => window(record, terms, limit, now)?,
    };
    Some(Standing {
        limit: index,
        measure,
        is_enforced: limit.mode == Mode::Enforce,
        hides_amounts: limit.hides_amounts,
        amount,
        left,
        held,
        resets,
    })
}

/// What of a [`Standing`] is counted.
struct Counted {
    measure: Option<Measure>,
    amount: u128,
    left: u128,
    held: u128,
    resets: Option<u64>,
}

fn concurrency(record: &Record, most: u32) -> Counted {
    let held = record.held(CounterId::CONCURRENCY, 0);
    Counted {
        measure: None,
        amount: most.into(),
        left: u128::from(most).saturating_sub(held),
        held,
        resets: None,
    }
}

fn window(record: &Record, terms: Terms<'_>, limit: &Limit, now: Now) -> Option<Counted> {
    let view = WindowView::of(record, terms, limit, now)?;
    Some(Counted {
        measure: Some(view.measure),
        amount: view.amount,
        left: view.left,
        held: record.held(view.counter, view.window.start),
        resets: view.window.end.map(|end| now.until(end)),
    })
}
