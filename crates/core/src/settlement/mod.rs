//! What an exchange came to, for the access log, the metrics and, later, the ledger.

mod notes;

pub(crate) use notes::Notes;

use crate::api::{Api, Dialect};
use crate::exchange::Bill;
use crate::limits::reserved::Reserved;
use crate::limits::time::Monotonic;
use crate::policy::{Policy, Tenant};
use crate::refusal::LimitReached;
use crate::response::Metered;

/// The reason of a refusal that the proxy made itself; its `details` say more.
const REFUSED_BY_PROXY: &str = "refused_by_proxy";

/// How an exchange ended, as far as the proxy knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// The client went away.
    pub client_left: bool,
    /// No upstream has got the request.
    pub never_sent: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Answered whole, below status 400.
    Ok,
    /// Refused by this module, also where no server of the model was ready for it, or by the proxy
    /// before anything was forwarded.
    Refused,
    /// Answered with an error by the upstream, or by the proxy for it.
    UpstreamError,
    /// The client went away before the answer was whole.
    ClientClosed,
    /// The answer broke off.
    Interrupted,
}

/// Where the token counts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageSource {
    /// The upstream reported them.
    Reported,
    /// Counted from the content that passed.
    Estimated,
    /// There are none.
    None,
}

/// Whose exchange it was and of which kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) tenant: Option<Tenant<'a>>,
    pub(crate) api: Option<Api>,
    pub(crate) dialect: Dialect,
}

/// What is charged, and what was held for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Charge<'a> {
    pub(crate) is_counted: bool,
    pub(crate) bill: Option<Bill>,
    pub(crate) reserved: Reserved,
    pub(crate) passed_over: &'a [String],
    pub(crate) instead_of: Option<&'a str>,
}

/// The account of one exchange. Texts that a client chose are bounded and printable.
#[derive(Debug)]
#[expect(
    missing_docs,
    reason = "the names are those of the access log's schema"
)]
pub struct Settlement<'a> {
    /// A readiness probe, which is not counted.
    pub is_probe: bool,
    pub policy: &'a str,
    pub tenant: Option<Tenant<'a>>,
    pub api: Option<Api>,
    /// First 12 hex digits of an unknown key's hash.
    pub key_hash: Option<&'a str>,
    pub model_requested: Option<&'a str>,
    pub model: Option<&'a str>,
    pub model_served: Option<&'a str>,
    pub target: Option<&'a str>,
    pub stream: bool,
    pub outcome: Outcome,
    /// The refusal's precise reason.
    pub reason: Option<&'static str>,
    pub usage: UsageSource,
    /// Tokens by kind, as reported; `prompt` includes cached tokens.
    pub tokens: [(&'static str, Option<u64>); 7],
    pub content_deltas: u64,
    /// A successful answer that should have reported usage and did not, however it ended.
    pub lacks_usage: bool,
    /// Nanoseconds from the request's headers to the first content.
    pub time_to_first_token: Option<Monotonic>,
    /// Nanoseconds from the request's headers to now.
    pub duration: Monotonic,
    /// What it is charged, if it was admitted.
    pub bill: Option<Bill>,
    /// What was held for it.
    pub reserved: Reserved,
    /// The price table that it is charged by.
    pub price_version: Option<&'a str>,
    /// Rules in shadow that would have refused it, and soft ones that warn.
    pub passed_over: &'a [String],
    /// The model that it would have gone to, had a budget not been used up.
    pub instead_of: Option<&'a str>,
    /// The limit that has refused it.
    pub limit: Option<&'a LimitReached>,
}

impl<'a> Settlement<'a> {
    pub(crate) fn new(
        policy: &'a Policy,
        notes: &'a Notes,
        identity: Identity<'a>,
        metered: Metered,
        charge: Charge<'a>,
        ending: Ending,
        now: Monotonic,
    ) -> Self {
        let Metered { usage, deltas, .. } = metered;
        let source = match deltas {
            _ if usage.is_reported() => UsageSource::Reported,
            1.. => UsageSource::Estimated,
            0 => UsageSource::None,
        };
        let outcome = notes.outcome(ending);
        let should_report = identity.api.is_some_and(Api::reports_usage);
        let [a, b, c, d, e, f] = usage.parts();
        let refused = notes.refused.as_ref();
        Self {
            is_probe: notes.is_probe,
            policy: policy.version(),
            tenant: identity.tenant,
            api: identity.api,
            key_hash: refused.and_then(|refused| refused.key_hash.as_deref()),
            model_requested: notes.asked_model.as_deref(),
            model: notes.model.as_deref(),
            model_served: notes.served.as_deref(),
            target: notes.target.as_deref(),
            stream: notes.stream,
            outcome,
            reason: match refused {
                Some(refused) => Some(refused.reason),
                None => (outcome == Outcome::Refused).then_some(REFUSED_BY_PROXY),
            },
            usage: source,
            tokens: [("prompt", usage.prompt(identity.dialect)), a, b, c, d, e, f],
            content_deltas: deltas,
            lacks_usage: should_report
                && notes.is_success()
                && !notes.is_cut
                && source != UsageSource::Reported,
            time_to_first_token: notes.first_token,
            duration: now.saturating_sub(notes.began),
            bill: charge.bill,
            reserved: charge.reserved,
            price_version: policy.price_version().filter(|_| charge.is_counted),
            passed_over: charge.passed_over,
            instead_of: charge.instead_of,
            limit: refused.and_then(|refused| refused.limit.as_deref()),
        }
    }
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Ok,
        Self::Refused,
        Self::UpstreamError,
        Self::ClientClosed,
        Self::Interrupted,
    ];

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::UpstreamError => "upstream_error",
            Self::ClientClosed => "client_closed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl UsageSource {
    /// The name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
            Self::None => "none",
        }
    }
}
