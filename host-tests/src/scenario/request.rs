//! What the client of a scenario sends.

use serde::Deserialize;
use serde_json::Value;

use super::{Base64, Framing};
use crate::headers::Headers;

/// What the client sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Default: `POST` with a body, `GET` without.
    #[serde(default)]
    pub method: Option<String>,
    /// The request target, exactly as it is sent.
    #[serde(default)]
    pub path: String,
    /// Fields beyond `host`, the body's framing and the scenario's id, which are added.
    #[serde(default)]
    pub headers: Headers,
    /// Absent: no body.
    #[serde(default)]
    pub body: Option<Body>,
    /// `length` (default): a `content-length`. `chunked`: none.
    #[serde(default)]
    pub framing: Framing,
    /// Offsets at which the body is cut into pieces that are sent 20 ms apart; 0 sends the headers
    /// by themselves.
    #[serde(default)]
    pub splits: Vec<usize>,
    /// Sent after the body (HTTP/1.1: with `framing: chunked`).
    #[serde(default)]
    pub trailers: Headers,
    /// Where the client leaves.
    #[serde(default)]
    pub abort: Option<Abort>,
    /// HTTP/1.1 only, in place of everything above: the bytes (Latin-1) to send. The scenario's id
    /// is added as a header behind the first line.
    #[serde(default)]
    pub raw: Option<String>,
}

/// Bytes of a body.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// UTF-8, exactly as written.
    Text(String),
    /// Compact, object keys sorted. Where bytes matter use `text`.
    Json(Value),
    /// Anything.
    Base64(Base64),
    /// Large ones.
    Generated(Generated),
}

/// `before`, then `fill` repeated `times`, then `after`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generated {
    /// How it begins.
    #[serde(default)]
    pub before: String,
    /// What is repeated.
    pub fill: String,
    /// How often.
    pub times: usize,
    /// How it ends.
    #[serde(default)]
    pub after: String,
}

/// Where a client leaves: it closes its connection (HTTP/1.1) or resets its stream (HTTP/2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Abort {
    /// When this much of the request body is sent.
    AfterRequestBytes(usize),
    /// When this much of the answer's body has come.
    AfterResponseBytes(usize),
    /// When this many SSE events have come whole.
    AfterEvents(usize),
    /// This long after the request was sent.
    AfterMs(u64),
    /// Never, but nothing is sent after this much of the request body: the gateway has to end it.
    StallAfterRequestBytes(usize),
}
