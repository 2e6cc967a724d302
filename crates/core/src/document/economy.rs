//! The document's limits, prices and time zones. Amounts and prices are decimal text, so that no
//! reader rounds them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_false;

/// Limits of one account: each is looked at for every request.
pub const MOST_LIMITS: usize = 32;
/// Raises of one limit, likewise.
pub const MOST_RAISES: usize = 16;
/// What a rule's author may say to those who are refused, in bytes.
pub const LONGEST_MESSAGE: usize = 300;

/// One limit of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Its name in logs, metrics and refusals: `team:acme/payments:budget/month`. Unique.
    pub rule: String,
    /// What is limited.
    pub measure: Measure,
    /// How much: dollars for a budget, else a whole number.
    pub amount: String,
    /// Over what time; absent where that means nothing (concurrency, output).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// How much of a rate may come at once; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// The zone of its windows, by name; absent: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Only what a request could cost at worst is admitted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub worst_case: bool,
    /// What happens to a stream that passes what is reserved for it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_overrun: Overrun,
    /// The model that a request goes to instead of being refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// What those who are refused are told besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Amounts are not told to clients.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// Sorted by end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raises: Vec<Raise>,
}

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Measure {
    Requests,
    /// Prompt and completion together.
    Tokens,
    PromptTokens,
    CompletionTokens,
    /// Money.
    Budget,
    /// Requests at a time.
    Concurrency,
    /// Output tokens of one request.
    MaxOutput,
}

/// Over what time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Per {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Ever,
}

/// What a limit does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Refuses.
    #[default]
    Enforce,
    /// Reports what it would have refused.
    Shadow,
    /// Warns.
    Soft,
}

/// What happens to a stream that passes what is reserved for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overrun {
    /// It goes on to its end.
    #[default]
    Finish,
    /// It ends there.
    Cut,
}

/// Money beyond a budget for some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// Unique within the limit.
    pub name: String,
    /// Dollars.
    pub amount: String,
    /// Unix seconds from which it holds nothing.
    pub until: u64,
}

/// The price table as a whole; each model has its own prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Its version, which records name.
    pub version: String,
}

/// What a model costs from some date on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Unix seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub from: u64,
    /// Dollars for a million tokens, by the name of [`crate::price::Kind`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<String, String>,
    /// For longer prompts, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<Tier>,
    /// Dollars for each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Dollars for each image in a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Dollars for each second of the upstream's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// Off everything, in hundredths of a per cent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub discount: u16,
}

/// Prices for prompts of more than so many tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// More input tokens than this.
    pub above: u64,
    /// As in [`Price`]; those that are not named stay.
    pub tokens: BTreeMap<String, String>,
}

/// A time zone as the moments at which its offset from UTC changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// As in the IANA database.
    pub name: String,
    /// The database's version.
    pub tzdb: String,
    /// Seconds east of UTC before the first transition.
    pub first: i64,
    /// (Unix seconds, seconds east of UTC from then on), ascending.
    pub transitions: Vec<(i64, i64)>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
