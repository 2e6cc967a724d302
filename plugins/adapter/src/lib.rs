//! The proxy-wasm side of Tollgate: callbacks become calls of `tollgate-core`, and its verdicts
//! become host calls. It decides nothing itself.
//!
//! Every input is hostile and a trap ends other people's requests, so nothing here may panic: only
//! the byte variants of the SDK's getters are used (the text ones trap on bytes that a client
//! chose), and each host call only in the phases in which Envoy accepts it.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![deny(clippy::arithmetic_side_effects, clippy::disallowed_methods)]

mod accounts;
mod gauges;
mod host;
mod learned;
mod member;
mod metrics;
mod record;
mod root;
mod shared_data;
mod stream;
mod uploads;
mod vm;

use proxy_wasm::traits::RootContext;
use proxy_wasm::types::LogLevel;
pub use tollgate_core::concerns::Concerns;

#[doc(hidden)]
pub use proxy_wasm;

/// Makes the crate a module that takes on these concerns.
#[macro_export]
macro_rules! module {
    ($concerns:expr) => {
        #[allow(missing_docs, reason = "the SDK's macro documents nothing")]
        mod entry {
            $crate::proxy_wasm::main! {{
                $crate::start(|_| $crate::root($concerns));
            }}
        }
    };
}

/// Registers the module with the host.
pub fn start(new_root: fn(u32) -> Box<dyn RootContext>) {
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(new_root);
}

/// The root context of a module with these concerns.
pub fn root(concerns: Concerns) -> Box<dyn RootContext> {
    Box::new(root::Root::new(concerns))
}
