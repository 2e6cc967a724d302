//! The canonical policy document: what `tollgate policy render` writes and the module reads.
//!
//! It decides nothing. Everything in it is already checked by the compiler in `crates/policy`;
//! [`crate::policy::Policy::load`] checks again what the module's safety rests on, since a
//! document may also be written by hand. Lists are sorted (models and accounts by name, keys by
//! hash), so that equal rules give equal bytes.

mod economy;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

pub use economy::{
    LONGEST_MESSAGE, Limit, MOST_LIMITS, MOST_RAISES, Measure, Mode, Overrun, Per, Price, Prices,
    Raise, Tier, Zone,
};

/// The document's layout. A module refuses a layout it does not know.
pub const FORMAT: u32 = 2;

/// The upstream that a target uses when it names none.
pub const DEFAULT_UPSTREAM: &str = "default";

/// A whole compiled policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// [`FORMAT`].
    pub format: u32,
    /// 16 hex digits of the SHA-256 of this document with an empty `version` and no `sources`.
    pub version: String,
    /// Where keys ask how they stand with their limits; `null`: nowhere.
    #[serde(
        default = "default_usage_path",
        skip_serializing_if = "is_default_usage_path"
    )]
    pub usage_path: Option<String>,
    /// Short answers that are not streamed say what they cost.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cost_header: bool,
    /// The price table, unless every model is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// The time zones of windows, sorted by name. UTC is always known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Zone>,
    /// Sorted by name.
    pub models: Vec<Model>,
    /// Sorted by name.
    pub organizations: Vec<Organization>,
    /// Sorted by organization, then name.
    pub teams: Vec<Team>,
    /// Sorted by hash.
    pub keys: Vec<Key>,
    /// Where each limit's rule stands: its name → `file:line`. For people; it is no part of the
    /// rules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, String>,
}

/// A model as clients name it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name clients use and accounts are kept under.
    pub name: String,
    /// Other names for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Where requests go; at least one, sorted by name.
    pub targets: Vec<Target>,
    /// Context window in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u32>,
    /// Most output tokens per request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u32>,
    /// Most tokens that the model's template adds to a prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_tokens: Option<u32>,
    /// Most tokens of one image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tokens: Option<u32>,
    /// Most tokens that tools add to a prompt beyond their text: once, and once more for each whose
    /// text the server writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_tokens: Option<u32>,
    /// Marks for fill-in-the-middle, where the server has no `suffix` of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fim: Option<Fim>,
    /// What keeps a conversation on one target; the first that a request carries counts, else
    /// its key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sticky: Vec<Sticky>,
    /// Powers that are refused unless named here. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Capability>,
    /// `x-gateway-inference-objective` (an InferenceObjective's name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<String>,
    /// `created` in model lists, Unix seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub created: u64,
    /// `owned_by` in model lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// What it costs, sorted by date, the first from the beginning of time. Empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<Price>,
    /// What it is held to, sorted by rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
}

/// One place that serves a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Unique within the model.
    pub name: String,
    /// The name the upstream serves it under; goes into the forwarded body.
    pub model: String,
    /// Share of the traffic, relative to the other targets'. 0: none.
    pub weight: u32,
    /// Upstreams in order of priority; Envoy retries from one to the next before the first byte.
    /// At least one. All serve the same name for the same credential, since a retry repeats both.
    pub upstreams: Vec<String>,
    /// Name of the secret that Envoy adds after the module; never the secret itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Seconds that a server takes to start, where none may be awake: what clients are told when
    /// none was ready in time. Absent: the upstream's own error passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_start: Option<NonZeroU32>,
}

/// Fill-in-the-middle marks: the prompt becomes `prefix + prompt + suffix + <suffix> + middle`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fim {
    /// Before the text that precedes the cursor.
    pub prefix: String,
    /// Before the text that follows the cursor.
    pub suffix: String,
    /// Where the model begins to write.
    pub middle: String,
}

/// What a conversation is kept together by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sticky {
    /// The virtual key.
    Key,
    /// The key's team.
    Team,
    /// The key's organization.
    Organization,
    /// A request header's value, within the key.
    Header(String),
    /// A top-level string field of the body, within the key.
    Field(String),
}

/// What a model's rule may allow beyond the safe set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Tools that the server runs itself (web search, code interpreter, MCP).
    HostedTools,
    /// State that the server keeps between requests: `store`, `background`,
    /// `previous_response_id`, `conversation`, file and container ids.
    StoredState,
}

/// An organization: the outermost account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Unique.
    pub name: String,
    /// What it is held to, sorted by rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
}

/// A team of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Unique within the organization.
    pub name: String,
    /// The organization's name.
    pub organization: String,
    /// Models its keys may use (the organization's list is already applied); absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// What it is held to, sorted by rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
}

/// A virtual key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// SHA-256 of the whole secret, base64url without padding (43 characters).
    pub hash: String,
    /// Unique within the team.
    pub name: String,
    /// `organization/team`.
    pub team: String,
    /// Unix seconds from which the key is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Refused whatever else holds.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// Source networks it may be used from (`10.0.0.0/8`, `2001:db8::/32`); empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cidrs: Vec<String>,
    /// Models it may use (the team's list is already applied); absent: the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// What it is held to, sorted by rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
}

/// The Envoy cluster that serves these upstreams with this credential: `east+west@pool-key`.
/// The module names it in `x-tollgate-cluster`; `tollgate envoy-config` defines it.
pub fn cluster_name(upstreams: &[String], credential: Option<&str>) -> String {
    let mut name = upstreams.join("+");
    if let Some(credential) = credential {
        name.push('@');
        name.push_str(credential);
    }
    name
}

/// Where keys ask for their usage unless the policy says otherwise.
pub fn default_usage_path() -> Option<String> {
    Some("/v1/usage".to_owned())
}

fn is_default_usage_path(path: &Option<String>) -> bool {
    *path == default_usage_path()
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn is_false(b: &bool) -> bool {
    !*b
}
