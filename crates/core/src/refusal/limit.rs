//! A refusal by a limit: which, how much of it is left, and when asking again makes sense.

use std::fmt;

use serde_json::{Value, json};

use super::Unit;
use crate::limits::calendar::rfc3339;
use crate::limits::rule::{Bound, Limit, Span};
use crate::limits::shortfall::{Shortfall, Wait};
use crate::limits::time::{Now, SECOND};
use crate::limits::window::{Period, Window};
use crate::policy::AccountName;

/// Nanoseconds for which an exhausted window is believed to stay so: what requests in flight have
/// overdrawn may be corrected.
const BELIEF: u64 = 10 * SECOND;

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
    pub span: Span,
    /// The calendar window in which it counts.
    pub window: Option<Window>,
    /// Whether the key's requests may be served all the same: by other models, where it is the limit
    /// of one or names a cheaper one.
    pub is_avoidable: bool,
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
        let (unit, span, amount) = match &limit.bound {
            // Its burst is what could ever come at once.
            Bound::Rate { measure, rate, .. } if wait == Wait::TooLarge => {
                (Unit::of(*measure), Span::AtOnce, rate.burst().into())
            }
            bound => (Unit::of_bound(bound), bound.span(), bound.amount()),
        };
        Self {
            account: account.to_string(),
            rule: limit.rule.to_string(),
            source: limit.source.as_deref().map(str::to_owned),
            unit,
            span,
            window: shortfall.window,
            is_avoidable: limit.fallback.is_some() || matches!(account, AccountName::Model(_)),
            amount,
            requested: shortfall.requested,
            left: shortfall.left,
            held: shortfall.held,
            wait,
            resets_at: match wait {
                Wait::For(nanos) => Some(now.second_after(nanos)),
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
        if self.is_avoidable {
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
        if let Wait::For(_) = self.wait {
            let nanos = window_end.map_or(nanos, |end| now.until(end).max(1));
            self.wait = Wait::For(nanos);
            self.resets_at = Some(now.second_after(nanos));
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
            Wait::For(nanos) => Some(nanos.div_ceil(SECOND).max(1)),
            Wait::Forever | Wait::TooLarge => None,
        }
    }

    /// The facts, for programs.
    pub fn facts(&self) -> Value {
        let mut facts = json!({
            "rule": self.rule,
            "scope": self.account,
            "unit": self.unit.name(),
            "period": self.span.name(),
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

    /// What the matter is, as far as amounts may be told.
    fn what(&self) -> &'static str {
        let has_left = self.left > 0 || self.hides_amounts || self.may_come_back();
        match (self.wait, self.unit) {
            (Wait::TooLarge, _) => "the request is larger than",
            (_, Unit::Usd) if has_left => "the budget has no room for this request:",
            (_, Unit::Usd) => "the budget is used up:",
            _ if has_left => "the limit has no room for this request:",
            _ => "the limit is reached:",
        }
    }

    fn write_limit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hides_amounts {
            write!(f, "the limit on {}", self.unit.noun())?;
        } else {
            f.write_str(&self.unit.text(self.amount))?;
        }
        match self.span {
            Span::AtOnce if self.wait == Wait::TooLarge => f.write_str(" at once"),
            Span::AtOnce | Span::Window(Period::Ever) => Ok(()),
            span => write!(f, " per {}", span.name().unwrap_or_default()),
        }
    }

    fn write_amounts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hides_amounts || self.unit == Unit::RequestsInFlight {
            return Ok(());
        }
        let text = |amount| self.unit.text(amount);
        write!(f, "; {} left", text(self.left))?;
        if self.may_come_back() {
            write!(f, ", {} held by requests in flight", text(self.held))?;
        }
        write!(f, ", {} needed", text(self.requested))
    }

    /// Whether requests in flight may give back enough.
    fn may_come_back(&self) -> bool {
        self.wait == Wait::Unknown && self.held > 0 && self.unit != Unit::RequestsInFlight
    }
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.what())?;
        self.write_limit(f)?;
        write!(f, " for {}", self.account.replacen(':', " ", 1))?;
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
