//! What is noted while an exchange goes on.

use super::{Ending, Outcome};
use crate::limits::time::Monotonic;
use crate::refusal::{LimitReached, Refusal};
use crate::request::{Request, Route};

/// From the first header to the log.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) began: Monotonic,
    /// When the request went upstream.
    sent: Monotonic,
    /// When an answer that is no stream began: then its work is done, however slowly it is read.
    answered_at: Option<Monotonic>,
    pub(crate) is_probe: bool,
    answered: bool,
    pub(super) refused: Option<Refused>,
    /// Whether what refused it has ended its answer.
    pub(super) is_cut: bool,
    pub(super) asked_model: Option<String>,
    pub(super) stream: bool,
    pub(crate) model: Option<Box<str>>,
    pub(super) served: Option<Box<str>>,
    pub(super) target: Option<Box<str>>,
    forwarded: bool,
    /// Whether what stands before the model servers has let the request go.
    is_rejected: bool,
    status: Option<u16>,
    complete: bool,
    pub(super) first_token: Option<Monotonic>,
}

#[derive(Debug)]
pub(super) struct Refused {
    pub(super) reason: &'static str,
    pub(super) key_hash: Option<String>,
    pub(super) limit: Option<Box<LimitReached>>,
}

impl Notes {
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
    pub(crate) fn forward(&mut self, now: Monotonic) {
        self.forwarded = true;
        self.sent = now;
    }

    /// Milliseconds that the upstream has worked, begun ones included.
    pub(crate) fn worked_ms(&self, now: Monotonic) -> u64 {
        let until = self.answered_at.unwrap_or(now);
        self.since_sent(until).div_ceil(1_000_000)
    }

    /// Nanoseconds from when the request went upstream.
    pub(crate) fn since_sent(&self, now: Monotonic) -> u64 {
        now.saturating_sub(self.sent)
    }

    /// `whole_at`: when an answer began that is no stream.
    pub(crate) fn answer(&mut self, status: u16, end_of_stream: bool, whole_at: Option<Monotonic>) {
        self.status = Some(status);
        self.answered_at = whole_at;
        self.complete = end_of_stream;
    }

    pub(crate) fn reject(&mut self) {
        self.is_rejected = true;
    }

    pub(crate) fn answer_goes_on(&mut self, end_of_stream: bool) {
        self.complete |= end_of_stream;
    }

    /// The first content has come.
    pub(crate) fn first_token(&mut self, now: Monotonic) {
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
            || self.is_rejected
            || self
                .status
                .is_some_and(|status| (300..500).contains(&status))
    }

    /// Whether the upstream began to answer as asked.
    pub(crate) fn is_success(&self) -> bool {
        self.forwarded
            && self
                .status
                .is_some_and(|status| (200..300).contains(&status))
    }

    pub(crate) fn is_open(&self) -> bool {
        (self.refused.is_none() || self.is_cut) && !self.answered && !self.complete
    }

    pub(super) fn outcome(&self, ending: Ending) -> Outcome {
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
