//! What limits count, as people and programs read it.

use serde_json::Value;

use crate::limits::rule::{Bound, Measure};
use crate::money::Usd;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unit {
    Requests,
    PromptTokens,
    CompletionTokens,
    Tokens,
    Usd,
    RequestsInFlight,
}

impl Unit {
    /// The unit of a measure.
    pub fn of(measure: Measure) -> Self {
        match measure {
            Measure::Requests => Self::Requests,
            Measure::PromptTokens => Self::PromptTokens,
            Measure::CompletionTokens => Self::CompletionTokens,
            Measure::TotalTokens => Self::Tokens,
            Measure::Money => Self::Usd,
        }
    }

    /// The unit of a limit.
    pub fn of_bound(bound: &Bound) -> Self {
        match bound {
            Bound::Rate { measure, .. } | Bound::Window { measure, .. } => Self::of(*measure),
            Bound::Concurrency(_) => Self::RequestsInFlight,
            Bound::Output(_) => Self::CompletionTokens,
        }
    }

    /// The name in logs and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::PromptTokens => "prompt_tokens",
            Self::CompletionTokens => "completion_tokens",
            Self::Tokens => "tokens",
            Self::Usd => "usd",
            Self::RequestsInFlight => "requests_in_flight",
        }
    }

    /// Money as decimal text, everything else as a number.
    pub fn value(self, amount: u128) -> Value {
        match self {
            Self::Usd => self.plain(amount).into(),
            _ => u64::try_from(amount).unwrap_or(u64::MAX).into(),
        }
    }

    /// The amount alone.
    pub fn plain(self, amount: u128) -> String {
        match self {
            Self::Usd => Usd::from_pico(amount).to_string(),
            _ => amount.to_string(),
        }
    }

    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::PromptTokens => "prompt tokens",
            Self::CompletionTokens => "completion tokens",
            Self::Tokens => "tokens",
            Self::Usd => "spending",
            Self::RequestsInFlight => "requests at a time",
        }
    }

    pub(super) fn text(self, amount: u128) -> String {
        match self {
            Self::Usd => format!("{} USD", Usd::from_pico(amount)),
            Self::RequestsInFlight if amount == 1 => "1 request at a time".to_owned(),
            _ if amount == 1 => format!("1 {}", self.noun().trim_end_matches('s')),
            _ => format!("{amount} {}", self.noun()),
        }
    }
}
