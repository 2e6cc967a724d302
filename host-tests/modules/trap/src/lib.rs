//! The gateway module with a flaw: it traps in the phase that a request's header `x-trap` names,
//! does nothing else for a while if that says `block`, or overwrites what VMs share if it says
//! `write NAME HEX`.

use std::time::{Duration, UNIX_EPOCH};

use tollgate_adapter::proxy_wasm::hostcalls::{get_current_time, set_shared_data};
use tollgate_adapter::proxy_wasm::traits::{Context, HttpContext, RootContext};
use tollgate_adapter::proxy_wasm::types::{Action, ContextType};
use tollgate_adapter::{Concerns, root, start};

#[allow(missing_docs, reason = "the SDK's macro documents nothing")]
mod entry {
    tollgate_adapter::proxy_wasm::main! {{
        super::start(|_| Box::new(super::Root(super::root(super::Concerns::GATEWAY))));
    }}
}

struct Root(Box<dyn RootContext>);

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        self.0.on_configure(size)
    }

    fn on_tick(&mut self) {
        self.0.on_tick();
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        let inner = self.0.create_http_context(id)?;
        let phase = Vec::new();
        Some(Box::new(Stream { inner, phase }))
    }

    fn get_type(&self) -> Option<ContextType> {
        self.0.get_type()
    }
}

/// Longer than others wait for a sign of life.
fn block() {
    let now = || get_current_time().unwrap_or(UNIX_EPOCH);
    let until = now() + Duration::from_secs(5);
    while now() < until {}
}

/// As a host that loses or spoils it would.
fn overwrite(command: &str) {
    let Some((name, hex)) = command.split_once(' ') else {
        return;
    };
    let pairs = hex.as_bytes().chunks(2);
    let digits = pairs.filter_map(|pair| std::str::from_utf8(pair).ok());
    let bytes = digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok());
    let value: Vec<u8> = bytes.collect();
    if set_shared_data(name, Some(&value), None).is_err() {
        std::process::abort();
    }
}

struct Stream {
    inner: Box<dyn HttpContext>,
    /// In which it traps.
    phase: Vec<u8>,
}

impl Stream {
    fn enter(&self, phase: &str) {
        if self.phase == phase.as_bytes() {
            // In wasm: the instruction `unreachable`.
            std::process::abort();
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, count: usize, end_of_stream: bool) -> Action {
        let phase = self.get_http_request_header_bytes("x-trap");
        self.phase = phase.unwrap_or_default();
        if self.phase == b"block" {
            block();
        }
        let command = self.phase.strip_prefix(b"write ");
        if let Some(command) = command.and_then(|c| std::str::from_utf8(c).ok()) {
            overwrite(command);
        }
        self.enter("request_headers");
        self.inner.on_http_request_headers(count, end_of_stream)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.enter("request_body");
        self.inner.on_http_request_body(size, end_of_stream)
    }

    fn on_http_request_trailers(&mut self, count: usize) -> Action {
        self.enter("request_trailers");
        self.inner.on_http_request_trailers(count)
    }

    fn on_http_response_headers(&mut self, count: usize, end_of_stream: bool) -> Action {
        self.enter("response_headers");
        self.inner.on_http_response_headers(count, end_of_stream)
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.enter("response_body");
        self.inner.on_http_response_body(size, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, count: usize) -> Action {
        self.inner.on_http_response_trailers(count)
    }

    fn on_log(&mut self) {
        self.enter("log");
        self.inner.on_log();
    }
}
