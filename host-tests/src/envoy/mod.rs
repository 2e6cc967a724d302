//! A real Envoy under test: its process, its admin interface, its access log and its metrics.

mod access_log;
mod admin;
pub mod audit;
mod metrics;
mod process;

pub use access_log::AccessLog;
pub use admin::{Answer, get};
pub use metrics::Snapshot;
pub use process::{Envoy, Programs, tail};
