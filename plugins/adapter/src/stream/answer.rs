//! The pieces of an answer: they are metered, and a stream that passes what is reserved for it needs
//! more, or ends.

use proxy_wasm::hostcalls;
use proxy_wasm::traits::HttpContext;
use proxy_wasm::types::Action;

use super::Stream;
use super::settle::owner;
use crate::{accounts, host, record};

impl Stream {
    pub(super) fn answer(&mut self, size: usize, end_of_stream: bool) -> Action {
        if let Some(held) = &mut self.held_answer
            && !end_of_stream
        {
            *held = size;
            return Action::Pause;
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

    /// The answer ends with trailers, and so does what is held of it.
    pub(super) fn answer_ends(&mut self) {
        let held = self.held_answer.unwrap_or(0);
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
        if self.held_answer.take().is_none() {
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
