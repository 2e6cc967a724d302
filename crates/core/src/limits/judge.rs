//! Whether a request fits the limits of one account, as its record stands.

use super::counter::CounterId;
use super::rate::Shortage;
use super::record::Record;
use super::rule::{Admit, Bound, Demand, Limit, Measure, Mode};
use super::shortfall::{Shortfall, Wait};
use super::spending;
use super::terms::Terms;
use super::time::Now;
use super::view::WindowView;

/// Whether a request fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The limits that it does not fit, by index, whatever their mode.
    pub shortfalls: Vec<Shortfall>,
    pub(super) takes: Vec<Take>,
}

/// What a counter gives for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Take {
    pub(super) counter: CounterId,
    /// The window's, 0 for rates.
    pub(super) start: u64,
    pub(super) amount: u128,
    /// Of the limit that asks for it.
    mode: Mode,
}

impl Verdict {
    /// The limits that refuse.
    pub fn refusals<'a>(&'a self, limits: &'a [Limit]) -> impl Iterator<Item = &'a Shortfall> {
        let enforced = |shortfall: &&Shortfall| {
            let limit = limits.get(shortfall.limit);
            limit.is_some_and(|limit| limit.mode == Mode::Enforce)
        };
        self.shortfalls.iter().filter(enforced)
    }

    /// Limits that look at one counter take from it once: what those that refuse ask for, the most
    /// of it; only where there is none of them, what the others ask for.
    fn add(&mut self, take: Take) {
        let mut takes = self.takes.iter_mut();
        let Some(known) = takes.find(|t| t.counter == take.counter && t.start == take.start) else {
            self.takes.push(take);
            return;
        };
        let rank = |take: &Take| (take.mode == Mode::Enforce, take.amount);
        if rank(&take) > rank(known) {
            *known = take;
        }
    }
}

/// Whether the request fits every limit, and what it would take.
pub fn judge(record: &Record, terms: Terms<'_>, demand: &Demand, now: Now) -> Verdict {
    let mut verdict = Verdict::default();
    for (index, limit) in terms.limits.iter().enumerate() {
        let judged = match &limit.bound {
            Bound::Concurrency(most) => concurrent(record, index, *most),
            Bound::Rate { .. } => rate(record, index, limit, demand, now),
            Bound::Window { .. } => window(record, terms, index, demand, now),
            Bound::Output(_) => Judged::default(),
        };
        if let Some(take) = judged.take {
            verdict.add(take);
        }
        verdict.shortfalls.extend(judged.shortfall);
    }
    verdict
}

/// What one limit says.
#[derive(Default)]
struct Judged {
    take: Option<Take>,
    shortfall: Option<Shortfall>,
}

fn concurrent(record: &Record, index: usize, most: u32) -> Judged {
    let running = record.held(CounterId::CONCURRENCY, 0);
    let left = u128::from(most).saturating_sub(running);
    let shortfall = Shortfall {
        limit: index,
        requested: 1,
        left,
        held: running,
        wait: if most == 0 {
            Wait::TooLarge
        } else {
            Wait::Unknown
        },
        window: None,
    };
    Judged {
        take: None,
        shortfall: (left == 0).then_some(shortfall),
    }
}

fn rate(record: &Record, index: usize, limit: &Limit, demand: &Demand, now: Now) -> Judged {
    let Bound::Rate {
        measure,
        rate,
        counter,
        ..
    } = &limit.bound
    else {
        return Judged::default();
    };
    let state = record.rate(*counter);
    let (left, _) = rate.left(state, now.monotonic);
    let burst = rate.burst().into();
    let mut shortfall = None;
    for amount in asked(limit.admit, *measure, demand, burst, left.into()) {
        let units = u64::try_from(amount).unwrap_or(u64::MAX);
        let Err(shortage) = rate.take(state, units, now.monotonic) else {
            let take = Take {
                counter: *counter,
                start: 0,
                amount,
                mode: limit.mode,
            };
            return Judged {
                take: Some(take),
                shortfall: None,
            };
        };
        shortfall = Some(Shortfall {
            limit: index,
            requested: amount,
            left: left.into(),
            held: 0,
            wait: match shortage {
                Shortage::Never => Wait::TooLarge,
                Shortage::Wait(nanos) => Wait::For(nanos),
            },
            window: None,
        });
    }
    Judged {
        take: None,
        shortfall,
    }
}

fn window(record: &Record, terms: Terms<'_>, index: usize, demand: &Demand, now: Now) -> Judged {
    let Some(limit) = terms.limits.get(index) else {
        return Judged::default();
    };
    let Some(view) = WindowView::of(record, terms, limit, now) else {
        return Judged::default();
    };
    let left = view.left;
    let mut requested = 0;
    for amount in asked(limit.admit, view.measure, demand, view.amount, left) {
        requested = amount;
        if amount <= left {
            break;
        }
    }
    // What does not fit is taken all the same where nothing refuses: the counter says what was used.
    let take = Take {
        counter: view.counter,
        start: view.window.start,
        amount: requested,
        mode: limit.mode,
    };
    let shortfall = || Shortfall {
        limit: index,
        requested,
        left,
        held: record.held(view.counter, view.window.start),
        window: Some(view.window),
        wait: window_wait(record, terms, limit, &view, requested, now),
    };
    Judged {
        take: Some(take),
        shortfall: (requested > left).then(shortfall),
    }
}

/// When what does not fit a window's limit could.
fn window_wait(
    record: &Record,
    terms: Terms<'_>,
    limit: &Limit,
    view: &WindowView,
    requested: u128,
    now: Now,
) -> Wait {
    let start = view.window.start;
    let held = record.held(view.counter, start);
    let left_at_last = spending::left_with(held, record, terms, limit, start, now);
    let grants = |end| spending::granted(record, terms, limit, end);
    match view.window.end {
        // Others hold what suffices, and may give it back; but each has been a request.
        _ if view.measure != Measure::Requests && requested <= left_at_last => Wait::Unknown,
        // What the next window and raises grant together.
        Some(end) if requested > view.amount && requested <= grants(end) => {
            Wait::For(now.until(end).max(1))
        }
        _ if requested > view.amount => Wait::TooLarge,
        // More may be lent.
        _ if terms.leases.is_some() => Wait::Unknown,
        None => Wait::Forever,
        Some(end) => Wait::For(now.until(end).max(1)),
    }
}

/// The amounts that a limit admits a request by, the preferred one first. Where it never grants what
/// is only expected, that is all that is `left`: it would admit no such request at all.
fn asked(
    admit: Admit,
    measure: Measure,
    demand: &Demand,
    grants: u128,
    left: u128,
) -> impl Iterator<Item = u128> {
    let of = |amounts| measure.of(amounts);
    let (first, second) = match admit {
        Admit::WorstCase => (of(&demand.worst), None),
        Admit::Expected => {
            let expected = of(&demand.expected);
            let is_out_of_reach = expected > grants.max(left);
            let second = match is_out_of_reach {
                true => of(&demand.least).max(left).min(expected),
                false => expected,
            };
            (of(&demand.named), Some(second))
        }
    };
    std::iter::once(first).chain(second)
}
