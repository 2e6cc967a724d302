//! One corpus of scenarios: what a client sends, what an upstream answers, what both must see.
//!
//! [`corpus`] reads the files below `scenarios/` (their format is in `README.md`), [`stage`] plays
//! one against a gateway, between our own [`client`] and [`upstream`], and [`check`] compares what
//! was seen with what was promised. None of these knows which gateway that is: a driver does.
//! [`envoy`] is what the drivers for a real Envoy share.

pub mod check;
mod child;
pub mod client;
pub mod corpus;
pub mod envoy;
pub mod expect;
mod flow;
pub mod headers;
pub mod scenario;
pub mod stage;
pub mod upstream;
pub mod wire;
