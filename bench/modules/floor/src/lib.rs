//! The floor: the least that any filter does which decides by a request's body. It holds the
//! request until the body is whole, reads its top level, writes it again and lets it go.
//!
//! It looks at no header and at nothing of the answer.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![deny(clippy::arithmetic_side_effects, clippy::disallowed_methods)]

use std::collections::BTreeMap;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};
use serde_json::value::RawValue;

#[allow(missing_docs, reason = "the SDK's macro documents nothing")]
mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| Box::new(super::Root));
    }}
}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Stream;

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            Action::Continue
        } else {
            Action::Pause
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !end_of_stream {
            return Action::Pause;
        }
        let body = self.get_http_request_body(0, size).unwrap_or_default();
        match rewrite(&body) {
            Ok(body) => {
                self.set_http_request_header("content-length", Some(&body.len().to_string()));
                self.set_http_request_body(0, size, &body);
                Action::Continue
            }
            Err(_) => {
                self.send_http_response(400, vec![], Some(b"not a JSON object\n"));
                Action::Pause
            }
        }
    }
}

/// Reads the top level, as text below it, and writes it again.
fn rewrite(body: &[u8]) -> serde_json::Result<Vec<u8>> {
    let members: BTreeMap<&str, &RawValue> = serde_json::from_slice(body)?;
    serde_json::to_vec(&members)
}
