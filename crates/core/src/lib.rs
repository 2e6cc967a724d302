//! Tollgate's decisions. Bytes, time and state come in; a verdict, an edit or a settlement comes
//! out. Nothing here does I/O, reads a clock, draws randomness or logs.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![deny(clippy::arithmetic_side_effects, clippy::disallowed_methods)]

pub mod api;
pub mod concerns;
pub mod credential;
pub mod document;
pub mod exchange;
pub mod headers;
pub mod limits;
pub mod models;
pub mod money;
pub mod names;
pub mod path;
pub mod policy;
pub mod price;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod response;
pub mod secret;
pub mod settlement;
pub mod text;
pub mod uploads;
