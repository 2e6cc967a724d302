//! The host's callbacks, in the order in which they come.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use tollgate_core::exchange::{DROPPED_REASON, ResponseHead};
use tollgate_core::headers::Headers;

use super::{Phase, Stream};
use crate::host;

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.begin(end_of_stream)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.receive(size, end_of_stream)
    }

    /// Trailers end the body (HTTP/2, or chunked HTTP/1.1), and could carry what headers may not.
    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let action = match self.phase {
            Phase::AwaitBody { .. } => self.decide(),
            _ => self.action(),
        };
        if action == Action::Continue {
            self.clean_trailers();
        }
        action
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        if matches!(self.phase, Phase::Replied) {
            return Action::Continue;
        }
        let list = self.get_http_response_headers_bytes();
        let headers = Headers(&list);
        let status = headers
            .text(":status")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let Some(exchange) = self.metered_exchange() else {
            return Action::Continue;
        };
        let edits = exchange.response_headers(ResponseHead {
            status,
            content_type: headers.first("content-type"),
            content_encoding: headers.first("content-encoding"),
            content_length: headers
                .text("content-length")
                .and_then(|text| text.parse().ok()),
            dropped_reason: headers.first(DROPPED_REASON),
            end_of_stream,
            now: host::monotonic(),
        });
        if edits.drops_length {
            self.set_http_response_header("content-length", None);
        }
        for (name, value) in &edits.set {
            self.set_http_response_header(name, Some(value));
        }
        self.held = edits.hold.map(Into::into);
        match self.held {
            Some(_) => Action::Pause,
            None => Action::Continue,
        }
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.answer(size, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.answer_ends();
        Action::Continue
    }

    /// Comes once however the stream ended, unless its VM trapped.
    fn on_log(&mut self) {
        self.settle();
    }
}
