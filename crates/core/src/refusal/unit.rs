//! What limits count, as people and programs read it.

use serde_json::Value;

use crate::limits::rule::Measure;
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
            _ => format!("{amount} {}", self.noun()),
        }
    }
}
