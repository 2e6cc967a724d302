//! What the upstream of a scenario answers.

use std::time::Duration;

use serde::Deserialize;

use super::{Base64, Framing};
use crate::headers::Headers;

/// The pause between pieces that an answer's `splits` makes.
pub const BETWEEN_SPLITS: Duration = Duration::from_millis(2);

/// What the upstream answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Steps before the status line: a pause, a reset.
    #[serde(default)]
    pub before: Vec<Step>,
    /// Default 200.
    #[serde(default = "Answer::ok")]
    pub status: u16,
    /// Default: `content-type: application/json`, unless the file names one.
    #[serde(default)]
    pub headers: Headers,
    /// How the end of the body is told. With `chunked`, each step with bytes is one chunk.
    #[serde(default)]
    pub framing: Framing,
    /// Written step by step, each in a write of its own. Default: `{}`.
    #[serde(default = "Answer::empty_object")]
    pub body: Vec<Step>,
    /// Sent after a `chunked` body.
    #[serde(default)]
    pub trailers: Headers,
    /// HTTP/2 upstreams only: this many attempts are refused as not taken before one is answered.
    #[serde(default)]
    pub refuse_first: usize,
    /// Cuts the body anew, in pieces sent [`BETWEEN_SPLITS`] apart.
    #[serde(default)]
    pub splits: Splits,
}

impl Answer {
    fn ok() -> u16 {
        200
    }

    fn empty_object() -> Vec<Step> {
        vec![Step::Text("{}".to_owned())]
    }
}

/// One thing that the upstream does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Write this, as UTF-8.
    Text(String),
    /// Write these bytes.
    Base64(Base64),
    /// Write `fill` this often: `{fill: x, times: 1000}`.
    Repeat {
        /// What is repeated.
        fill: String,
        /// How often.
        times: usize,
    },
    /// Wait; also ends when the gateway closes the connection.
    PauseMs(u64),
    /// Close the connection by TCP reset. Nothing follows.
    Reset,
    /// Close the connection. Nothing follows.
    Close,
}

/// Where an answer's body is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Splits {
    /// As its steps are.
    #[default]
    AsWritten,
    /// At these offsets.
    At(Vec<usize>),
    /// Into single bytes.
    Bytes,
    /// The exchange is repeated, once for each offset at which the body can be cut in two.
    Everywhere,
}
