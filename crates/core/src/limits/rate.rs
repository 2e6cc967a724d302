//! Rates by GCRA: `governor` decides over one decoded state. Refunds and overruns, which it does
//! not know, move the stored time.
//!
//! In any interval of length T the net amount admitted is at most `burst + rate * T`, and what was
//! reserved at its start.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use super::time::Monotonic;

/// Far from where the library's arithmetic, which is not checked, could overflow: 36 years.
const LONGEST: u64 = 1 << 60;

/// What a refund or an overrun may at most put a state ahead, in periods.
const MOST_PERIODS: u64 = 10;

/// An amount per time, with a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    quota: Quota,
    /// In each period.
    amount: u32,
    /// Nanoseconds in which one unit comes back, rounded up.
    cell: u64,
    /// The furthest that a state may lie ahead, in nanoseconds.
    horizon: u64,
}

/// What of a rate is used: when all of it will be back, and the nanoseconds per unit by which that
/// was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// GCRA's theoretical arrival time.
    pub back_at: Monotonic,
    /// 0: never used.
    pub cell: u64,
}

/// Why a rate can't be counted; to follow after it in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncountable {
    /// Its amount or its burst is 0.
    Nothing,
    /// A unit comes back in less than a nanosecond.
    TooFast,
    /// The burst comes back in more than 36 years.
    TooSlow,
}

impl fmt::Display for Uncountable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "is a rate of nothing",
            Self::TooFast => "is more than one in a nanosecond",
            Self::TooSlow => "takes more than 36 years to come back",
        })
    }
}

/// Why an amount can't be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// It is more than the burst: no waiting helps.
    Never,
    /// It could be taken in this many nanoseconds.
    Wait(u64),
}

impl Rate {
    /// `amount` per `period`, `burst` of which may come at once.
    ///
    /// # Errors
    /// Why that can't be counted.
    pub fn new(amount: u32, period: Duration, burst: u32) -> Result<Self, Uncountable> {
        let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let burst = NonZeroU32::new(burst).filter(|_| amount > 0);
        let burst = burst.ok_or(Uncountable::Nothing)?;
        if u64::from(amount) > nanos {
            return Err(Uncountable::TooFast);
        }
        let cell = nanos.div_ceil(amount.into());
        let whole = cell.saturating_mul(burst.get().into());
        let quota = Quota::with_period(Duration::from_nanos(cell)).ok_or(Uncountable::TooFast)?;
        if whole >= LONGEST {
            return Err(Uncountable::TooSlow);
        }
        Ok(Self {
            quota: quota.allow_burst(burst),
            amount,
            cell,
            horizon: whole.max(nanos.saturating_mul(MOST_PERIODS)).min(LONGEST),
        })
    }

    /// What comes back in each period.
    pub fn amount(&self) -> u32 {
        self.amount
    }

    /// What may come at once.
    pub fn burst(&self) -> u32 {
        self.quota.burst_size().get()
    }

    /// Takes `amount` now.
    ///
    /// # Errors
    /// Why not; nothing is taken then.
    pub fn take(&self, state: State, amount: u64, now: Monotonic) -> Result<State, Shortage> {
        let state = self.current(state, now);
        let Some(amount) = self.checked(amount)? else {
            return Ok(state);
        };
        let cell = Cell::new(Nanos::from(state.back_at));
        let clock = Origin::default();
        let limiter: RateLimiter<_, _, _, NoOpMiddleware<Nanos>> =
            RateLimiter::new(self.quota, Scratch(&cell), &clock);
        clock.0.set(now.min(LONGEST));
        match limiter.check_n(amount) {
            Ok(Ok(())) => Ok(State {
                back_at: cell.get().into(),
                cell: self.cell,
            }),
            Ok(Err(not_until)) => {
                let at = u64::from(not_until.earliest_possible());
                Err(Shortage::Wait(at.saturating_sub(now.min(LONGEST)).max(1)))
            }
            Err(_) => Err(Shortage::Never),
        }
    }

    /// Settles `reserved` as `used`: the rest comes back, what is beyond is taken too. Where the rule
    /// was edited since it was reserved, the state goes on by what the rule is now.
    #[must_use]
    pub fn settle(&self, state: State, reserved: u64, used: u64, now: Monotonic) -> State {
        let now = now.min(LONGEST);
        let state = if state.cell == self.cell || state.cell == 0 {
            self.current(state, now)
        } else {
            let back_at = state.back_at.max(now);
            State { back_at, ..state }
        };
        let moved = state.cell.saturating_mul(used.abs_diff(reserved));
        let back_at = if used < reserved {
            state.back_at.saturating_sub(moved)
        } else {
            state.back_at.saturating_add(moved)
        };
        let furthest = now.saturating_add(self.horizon);
        State {
            back_at: back_at.clamp(now, furthest.max(state.back_at)),
            ..state
        }
    }

    /// What could be taken now, and in how many nanoseconds all of it is back.
    pub fn left(&self, state: State, now: Monotonic) -> (u32, u64) {
        let ahead = self
            .current(state, now)
            .back_at
            .saturating_sub(now.min(LONGEST));
        let used = ahead.div_ceil(self.cell.max(1));
        let left = u64::from(self.burst()).saturating_sub(used);
        (u32::try_from(left).unwrap_or(u32::MAX), ahead)
    }

    /// The state under this rate: what was used under another stays used, and no state lies further
    /// ahead than it may, whatever the clock did.
    fn current(&self, state: State, now: Monotonic) -> State {
        let now = now.min(LONGEST);
        let ahead = state.back_at.saturating_sub(now);
        let ahead = if state.cell == self.cell || state.cell == 0 {
            ahead
        } else {
            let scaled = u128::from(ahead).saturating_mul(self.cell.into());
            let scaled = scaled.div_ceil(u128::from(state.cell.max(1)));
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        State {
            back_at: now.saturating_add(ahead.min(self.horizon)),
            cell: self.cell,
        }
    }

    /// `None`: nothing.
    fn checked(&self, amount: u64) -> Result<Option<NonZeroU32>, Shortage> {
        let fits = u32::try_from(amount).ok().filter(|&n| n <= self.burst());
        fits.map(NonZeroU32::new).ok_or(Shortage::Never)
    }
}

/// One state, for the time of a decision.
struct Scratch<'a>(&'a Cell<Nanos>);

impl StateStore for Scratch<'_> {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, next) = decide(Some(self.0.get()))?;
        self.0.set(next);
        Ok(outcome)
    }
}

/// A clock that starts at 0, where the limiter takes its origin, and is then set.
#[derive(Default)]
struct Origin(Cell<u64>);

impl Clock for &Origin {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get().into()
    }
}
