//! What an exchange came to, for the access log, the metrics and, later, the ledger.

use crate::api::{Api, Dialect};
use crate::exchange::{Bill, Nanos};
use crate::limits::rule::Amounts;
use crate::policy::{Policy, Tenant};
use crate::refusal::{LimitReached, Refusal};
use crate::request::{Request, Route};
use crate::response::Metered;

/// The reason of a refusal that the proxy made itself; its `details` say more.
const REFUSED_BY_PROXY: &str = "refused_by_proxy";

/// What is noted while an exchange goes on.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) began: Nanos,
    /// When the request went upstream.
    sent: Nanos,
    /// When an answer that is no stream began: then its work is done, however slowly it is read.
    answered_at: Option<Nanos>,
    pub(crate) is_probe: bool,
    answered: bool,
    refused: Option<Refused>,
    /// Whether what refused it has ended its answer.
    is_cut: bool,
    asked_model: Option<String>,
    stream: bool,
    pub(crate) model: Option<Box<str>>,
    served: Option<Box<str>>,
    target: Option<Box<str>>,
    forwarded: bool,
    status: Option<u16>,
    complete: bool,
    first_token: Option<Nanos>,
}

#[derive(Debug)]
struct Refused {
    reason: &'static str,
    key_hash: Option<String>,
    limit: Option<Box<LimitReached>>,
}

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
    /// Refused by this module, or by the proxy before anything was forwarded.
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
    pub(crate) reserved: Option<Amounts>,
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
    pub time_to_first_token: Option<Nanos>,
    /// Nanoseconds from the request's headers to now.
    pub duration: Nanos,
    /// What it is charged, if it was admitted.
    pub bill: Option<Bill>,
    /// What was held for it, if anything counts.
    pub reserved: Option<Amounts>,
    /// The price table that it is charged by.
    pub price_version: Option<&'a str>,
    /// Rules in shadow that would have refused it, and soft ones that warn.
    pub passed_over: &'a [String],
    /// The model that it would have gone to, had a budget not been used up.
    pub instead_of: Option<&'a str>,
    /// The limit that has refused it.
    pub limit: Option<&'a LimitReached>,
}

impl Record {
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        let key_hash = refusal.key_hash().map(str::to_owned);
        self.refused = Some(Refused {
            reason: refusal.reason(),
            key_hash,
            limit: match refusal {
                Refusal::LimitReached(limit) => Some(limit.clone()),
                _ => None,
            },
        });
    }

    /// Its answer was ended here.
    pub(crate) fn cut(&mut self, refusal: &Refusal) {
        self.refuse(refusal);
        self.is_cut = true;
    }

    pub(crate) fn limit_reached(&self) -> Option<&LimitReached> {
        self.refused.as_ref()?.limit.as_deref()
    }

    /// Where an earlier module has routed the request, its body no longer names what was asked.
    pub(crate) fn request(&mut self, request: &Request<'_>) {
        if self.model.is_none() {
            self.asked_model = Some(crate::text::printable(request.model.as_bytes()));
        }
        self.stream = request.stream;
    }

    pub(crate) fn route(&mut self, route: Route<'_>) {
        self.model = Some(route.model.name.clone());
        self.served = Some(route.target.model.clone());
        self.target = Some(route.target.name.clone());
    }

    /// It goes nowhere, and is accounted under this model.
    pub(crate) fn reroute(&mut self, model: Option<Box<str>>) {
        self.model = model;
        self.served = None;
        self.target = None;
    }

    /// The module answered what was asked.
    pub(crate) fn answer_locally(&mut self) {
        self.answered = true;
    }

    /// The request goes upstream.
    pub(crate) fn forward(&mut self, now: Nanos) {
        self.forwarded = true;
        self.sent = now;
    }

    /// Milliseconds that the upstream has worked, begun ones included.
    pub(crate) fn worked_ms(&self, now: Nanos) -> u64 {
        let until = self.answered_at.unwrap_or(now);
        until.saturating_sub(self.sent).div_ceil(1_000_000)
    }

    /// `whole_at`: when an answer began that is no stream.
    pub(crate) fn answer(&mut self, status: u16, end_of_stream: bool, whole_at: Option<Nanos>) {
        self.status = Some(status);
        self.answered_at = whole_at;
        self.complete = end_of_stream;
    }

    pub(crate) fn answer_goes_on(&mut self, end_of_stream: bool) {
        self.complete |= end_of_stream;
    }

    /// The first content has come.
    pub(crate) fn first_token(&mut self, now: Nanos) {
        self.first_token = Some(now.saturating_sub(self.began));
    }

    pub(crate) fn awaits_first_token(&self) -> bool {
        self.first_token.is_none()
    }

    /// Whether this module itself answered, be it a refusal.
    pub(crate) fn is_answered_here(&self) -> bool {
        self.answered || (self.refused.is_some() && !self.is_cut)
    }

    /// Whether the answer has come to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether the upstream has refused the request before a model worked for it.
    pub(crate) fn is_free(&self) -> bool {
        !self.forwarded
            || self
                .status
                .is_some_and(|status| (300..500).contains(&status))
    }

    /// Whether the upstream began to answer as asked.
    fn is_success(&self) -> bool {
        self.forwarded
            && self
                .status
                .is_some_and(|status| (200..300).contains(&status))
    }

    pub(crate) fn is_open(&self) -> bool {
        (self.refused.is_none() || self.is_cut) && !self.answered && !self.complete
    }

    fn outcome(&self, ending: Ending) -> Outcome {
        if self.is_cut {
            return Outcome::Interrupted;
        }
        if self.refused.is_some() {
            return Outcome::Refused;
        }
        match self.status {
            _ if self.answered => Outcome::Ok,
            Some(..400) if self.complete => Outcome::Ok,
            Some(400..) if self.forwarded => Outcome::UpstreamError,
            Some(400..) => Outcome::Refused,
            _ if ending.client_left => Outcome::ClientClosed,
            _ if !self.forwarded => Outcome::Refused,
            Some(_) => Outcome::Interrupted,
            None => Outcome::UpstreamError,
        }
    }
}

impl<'a> Settlement<'a> {
    pub(crate) fn new(
        policy: &'a Policy,
        record: &'a Record,
        identity: Identity<'a>,
        metered: Metered,
        charge: Charge<'a>,
        ending: Ending,
        now: Nanos,
    ) -> Self {
        let Metered { usage, deltas, .. } = metered;
        let source = match deltas {
            _ if usage.is_reported() => UsageSource::Reported,
            1.. => UsageSource::Estimated,
            0 => UsageSource::None,
        };
        let outcome = record.outcome(ending);
        let should_report = identity.api.is_some_and(Api::reports_usage);
        let [a, b, c, d, e, f] = usage.parts();
        let refused = record.refused.as_ref();
        Self {
            is_probe: record.is_probe,
            policy: policy.version(),
            tenant: identity.tenant,
            api: identity.api,
            key_hash: refused.and_then(|refused| refused.key_hash.as_deref()),
            model_requested: record.asked_model.as_deref(),
            model: record.model.as_deref(),
            model_served: record.served.as_deref(),
            target: record.target.as_deref(),
            stream: record.stream,
            outcome,
            reason: match refused {
                Some(refused) => Some(refused.reason),
                None => (outcome == Outcome::Refused).then_some(REFUSED_BY_PROXY),
            },
            usage: source,
            tokens: [("prompt", usage.prompt(identity.dialect)), a, b, c, d, e, f],
            content_deltas: deltas,
            lacks_usage: should_report && record.is_success() && source != UsageSource::Reported,
            time_to_first_token: record.first_token,
            duration: now.saturating_sub(record.began),
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
