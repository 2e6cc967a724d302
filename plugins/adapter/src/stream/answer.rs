//! The pieces of an answer: they are held where what follows decides, and metered, and a stream that
//! passes what is reserved for it needs more, or ends.

use proxy_wasm::hostcalls;
use proxy_wasm::traits::HttpContext;
use proxy_wasm::types::Action;
use tollgate_core::exchange::{DECISIVE, HeldAnswer, Hold};
use tollgate_core::reply::Reply;

use super::Stream;
use super::settle::owner;
use crate::{accounts, host, record};

/// An answer that may not pass yet.
pub(super) struct Held {
    until: Hold,
    /// Its bytes so far.
    size: usize,
}

impl From<Hold> for Held {
    fn from(until: Hold) -> Self {
        Self { until, size: 0 }
    }
}

impl Stream {
    pub(super) fn answer(&mut self, size: usize, end_of_stream: bool) -> Action {
        if let Some(action) = self.held(size, end_of_stream) {
            return action;
        }
        let Some(exchange) = self.metered_exchange() else {
            return Action::Continue;
        };
        let was_cut = exchange.is_cut();
        let chunk = if exchange.reads_answer() {
            host::response_body(size)
        } else {
            Vec::new()
        };
        let now = if exchange.awaits_first_token() {
            host::monotonic()
        } else {
            0
        };
        let mut passed = exchange.response_body(&chunk, end_of_stream, now);
        self.top_up();
        if let Some(exchange) = self.metered_exchange()
            && let Some(last) = exchange.cut(passed.as_deref().unwrap_or(&chunk))
        {
            passed = Some(last);
        }
        if let Some(passed) = passed {
            self.set_http_response_body(0, size, &passed);
        }
        if end_of_stream {
            self.publish();
            self.tell_cost();
        } else if was_cut {
            // What tells the client why has gone out with the piece before.
            self.publish();
            reset();
        }
        Action::Continue
    }

    /// What becomes of a piece of an answer that is held; `None`: it goes on with all before it.
    fn held(&mut self, size: usize, end_of_stream: bool) -> Option<Action> {
        let held = self.held.as_mut()?;
        held.size = size;
        let verdict = match held.until {
            Hold::Cost if end_of_stream => return None,
            Hold::Cost => HeldAnswer::Wait,
            Hold::Waking => {
                let beginning = host::response_body(size.min(DECISIVE));
                let exchange = self.metered_exchange()?;
                exchange.held_answer(&beginning, end_of_stream, host::monotonic())
            }
        };
        match verdict {
            HeldAnswer::Wait => Some(Action::Pause),
            HeldAnswer::Pass => {
                self.held = None;
                None
            }
            HeldAnswer::Replace(reply) => {
                self.replace(size, &reply);
                Some(Action::Continue)
            }
        }
    }

    /// Puts another answer in place of one that is held to its end: none of its headers is left, and
    /// the length is the new one, since Envoy corrects nothing.
    fn replace(&mut self, size: usize, reply: &Reply) {
        let status = reply.status.to_string();
        let length = reply.body.len().to_string();
        let mut headers = vec![(":status", &*status), ("content-length", &*length)];
        let others = reply.headers.iter();
        headers.extend(others.map(|(name, value)| (*name, &**value)));
        self.set_http_response_headers(headers);
        self.set_http_response_body(0, size, &reply.body);
        self.held = None;
        self.publish();
    }

    /// The answer ends with trailers, and so does what is held of it.
    pub(super) fn answer_ends(&mut self) {
        let held = self.held.as_ref().map_or(0, |held| held.size);
        let Some(exchange) = self.metered_exchange() else {
            return;
        };
        if held > 0 {
            exchange.response_body(&host::response_body(held), false, host::monotonic());
        }
        exchange.response_trailers(host::monotonic());
        self.publish();
        self.tell_cost();
    }

    /// Says what the answer cost, in a header that has waited for that.
    pub(super) fn tell_cost(&mut self) {
        if self.held.take().is_none_or(|held| held.until != Hold::Cost) {
            return;
        }
        self.close();
        let header = self.exchange.as_ref().and_then(|e| e.cost_header());
        if let Some((name, value)) = header {
            self.set_http_response_header(name, Some(&value));
        }
    }

    /// Reserves more where a stream has passed what is reserved for it.
    fn top_up(&mut self) {
        let Some(exchange) = self.metered_exchange() else {
            return;
        };
        let Some((amounts, reservations)) = exchange.top_up(host::monotonic) else {
            return;
        };
        let Some(owner) = owner(exchange) else {
            return;
        };
        let now = host::clocks();
        let extended = accounts::extend(&owner, reservations, amounts, now);
        exchange.topped_up(extended, now);
        if self.concerns.spend
            && let Some(settlement) = self.so_far()
        {
            record::publish_reserved(&settlement);
        }
    }
}

/// Ends the stream on both sides: the upstream works for nobody.
fn reset() {
    if let Err(status) = hostcalls::reset_http_response() {
        log::error!("a stream could not be ended: {status:?}");
    }
}
