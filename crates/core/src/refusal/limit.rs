//! A refusal by a limit: which, how much of it is left, and when asking again makes sense.

use std::fmt;

use serde_json::{Value, json};

use super::Unit;
use crate::limits::judge::{Now, Shortfall, Wait};
use crate::limits::rule::{Bound, Limit, RatePeriod};
use crate::limits::window::{Period, Window, rfc3339};
use crate::policy::AccountName;

/// Seconds from which waiting is not worth a client's automatic retry.
const PATIENCE: u64 = 60;

/// Nanoseconds for which an exhausted window is believed to stay so: what requests in flight have
/// overdrawn may be corrected.
const BELIEF: u64 = 10_000_000_000;

/// Why a limit refuses. Amounts are in the limit's own unit (money: pico-dollars).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// The account: `team:acme/payments`.
    pub account: String,
    /// The rule's name.
    pub rule: String,
    /// Where the rule is written: `file:line`.
    pub source: Option<String>,
    /// What is limited.
    pub unit: Unit,
    /// Over what time.
    pub period: Option<&'static str>,
    /// The calendar window in which it counts.
    pub window: Option<Window>,
    /// Whether another model may serve instead.
    pub has_fallback: bool,
    /// The limit, without raises. For what is larger than could ever come at once, that.
    pub amount: u128,
    /// What the request would take.
    pub requested: u128,
    /// What is left.
    pub left: u128,
    /// What other requests hold of it and may give back.
    pub held: u128,
    /// How long this request has to wait.
    pub wait: Wait,
    /// Unix seconds at which it could pass.
    pub resets_at: Option<u64>,
    /// What the rule's author says to it.
    pub message: Option<String>,
    /// Amounts are for the log only.
    pub hides_amounts: bool,
}

impl LimitReached {
    /// From what a limit says. `is_contested`: another request has just given back what may suffice.
    pub fn new(
        account: AccountName<'_>,
        limit: &Limit,
        shortfall: &Shortfall,
        is_contested: bool,
        now: Now,
    ) -> Self {
        let wait = if is_contested && shortfall.wait != Wait::TooLarge {
            Wait::Unknown
        } else {
            shortfall.wait
        };
        let (unit, period, amount) = match &limit.bound {
            Bound::Concurrency(most) => (Unit::RequestsInFlight, None, (*most).into()),
            Bound::Output(most) => (Unit::CompletionTokens, None, (*most).into()),
            Bound::Rate { measure, rate, .. } if wait == Wait::TooLarge => {
                (Unit::of(*measure), None, rate.burst().into())
            }
            Bound::Rate {
                measure,
                rate,
                period,
                ..
            } => {
                let period = rate_period_name(*period);
                (Unit::of(*measure), Some(period), rate.amount().into())
            }
            Bound::Window {
                measure,
                period,
                amount,
                ..
            } => (Unit::of(*measure), Some(period_name(*period)), *amount),
        };
        Self {
            account: account.to_string(),
            rule: limit.rule.to_string(),
            source: limit.source.as_deref().map(str::to_owned),
            unit,
            period,
            window: shortfall.window,
            has_fallback: limit.fallback.is_some(),
            amount,
            requested: shortfall.requested,
            left: shortfall.left,
            held: shortfall.held,
            wait,
            resets_at: match wait {
                Wait::For(nanos) => Some(now.wall.saturating_add(nanos).div_ceil(1_000_000_000)),
                Wait::Unknown | Wait::Forever | Wait::TooLarge => None,
            },
            message: limit.message.as_deref().map(str::to_owned),
            hides_amounts: limit.hides_amounts,
        }
    }

    /// How many nanoseconds it holds for every request of the account, whatever that asks; `None`
    /// where another may fit. Requests count alike. Of an exhausted window nothing comes back
    /// before its end, unless requests in flight hold some of it.
    pub fn holds_for(&self) -> Option<u64> {
        if self.account.starts_with("model:") || self.has_fallback {
            return None;
        }
        let is_counted_alike = self.unit == Unit::Requests;
        match (self.wait, self.window) {
            (Wait::For(nanos), None) if is_counted_alike => Some(nanos),
            (_, Some(_)) if self.left > 0 || (self.held > 0 && !is_counted_alike) => None,
            // An answer may have no output at all.
            (_, Some(_)) if self.unit == Unit::CompletionTokens => None,
            (Wait::For(nanos), Some(_)) => Some(nanos.min(BELIEF)),
            (Wait::Forever, Some(_)) => Some(BELIEF),
            _ => None,
        }
    }

    /// The same at a later moment. `nanos`: what is left of [`LimitReached::holds_for`].
    #[must_use]
    pub(crate) fn at(mut self, nanos: u64, now: Now) -> Self {
        let window_end = self.window.and_then(|window| window.end);
        let until_end = window_end.map(|end| {
            let end = end.saturating_mul(1_000_000_000);
            end.saturating_sub(now.wall).max(1)
        });
        if let Wait::For(_) = self.wait {
            let nanos = until_end.unwrap_or(nanos);
            self.wait = Wait::For(nanos);
            self.resets_at = Some(now.wall.saturating_add(nanos).div_ceil(1_000_000_000));
        }
        self
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self.wait {
            Wait::TooLarge => 400,
            Wait::Forever => 403,
            Wait::Unknown | Wait::For(_) => 429,
        }
    }

    /// For programs: OpenAI's words where it has some.
    pub fn code(&self) -> &'static str {
        match (self.wait, self.unit) {
            (Wait::TooLarge, _) => "request_exceeds_limit",
            (_, Unit::Usd) => "insufficient_quota",
            _ => "rate_limit_exceeded",
        }
    }

    /// Whole seconds until this very request would pass; `None` where waiting does not help.
    pub fn retry_after(&self) -> Option<u64> {
        match self.wait {
            Wait::Unknown => Some(1),
            Wait::For(nanos) => Some(nanos.div_ceil(1_000_000_000).max(1)),
            Wait::Forever | Wait::TooLarge => None,
        }
    }

    /// Whether SDKs should not try again by themselves.
    pub fn forbids_retries(&self) -> bool {
        self.retry_after().is_none_or(|seconds| seconds >= PATIENCE)
    }

    /// The facts, for programs.
    pub fn facts(&self) -> Value {
        let mut facts = json!({
            "rule": self.rule,
            "scope": self.account,
            "unit": self.unit.name(),
            "period": self.period,
            "resets_at": self.resets_at.map(rfc3339),
        });
        if !self.hides_amounts {
            let amounts = [
                ("amount", self.amount),
                ("requested", self.requested),
                ("left", self.left),
            ];
            for (name, amount) in amounts {
                if let Some(object) = facts.as_object_mut() {
                    object.insert(name.to_owned(), self.unit.value(amount));
                }
            }
        }
        facts
    }

    fn write_amounts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hides_amounts {
            return Ok(());
        }
        let text = |amount| self.unit.text(amount);
        let (left, requested) = (text(self.left), text(self.requested));
        match self.unit {
            Unit::RequestsInFlight => Ok(()),
            _ => write!(f, "; {left} left, {requested} needed"),
        }
    }
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.replacen(':', " ", 1);
        let what = match (self.wait, self.unit) {
            (Wait::TooLarge, _) => "the request is larger than",
            (_, Unit::Usd) => "the budget is used up:",
            _ => "the limit is reached:",
        };
        write!(f, "{what} ")?;
        let limit = if self.hides_amounts {
            format!("the limit on {}", self.unit.noun())
        } else {
            self.unit.text(self.amount)
        };
        match self.period {
            None if self.wait == Wait::TooLarge => write!(f, "{limit} at once for {account}")?,
            Some("ever") | None => write!(f, "{limit} for {account}")?,
            Some(period) => write!(f, "{limit} per {period} for {account}")?,
        }
        self.write_amounts(f)?;
        match (self.wait, self.resets_at) {
            (Wait::For(_), Some(at)) => write!(f, "; retry at {}", rfc3339(at))?,
            (Wait::Unknown, _) => f.write_str("; retry shortly")?,
            _ => {}
        }
        match &self.message {
            Some(message) => write!(f, ". {message}"),
            None => Ok(()),
        }
    }
}

fn rate_period_name(period: RatePeriod) -> &'static str {
    match period {
        RatePeriod::Second => "second",
        RatePeriod::Minute => "minute",
        RatePeriod::Hour => "hour",
    }
}

fn period_name(period: Period) -> &'static str {
    match period {
        Period::Hour => "hour",
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
        Period::Ever => "ever",
    }
}
