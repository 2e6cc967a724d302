//! The format of a scenario file, as `README.md` shows it: strict, and typed once it is read.

mod bytes;

use std::time::Duration;

use ipnet::Ipv4Net;
use serde::Deserialize;
use serde_json::Value;

use crate::expect::Expect;
use crate::headers::Headers;

pub use bytes::Base64;

/// The pause between pieces that an answer's `splits` makes.
pub const BETWEEN_SPLITS: Duration = Duration::from_millis(2);

/// One scenario: exchanges in sequence on one client connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The promise it shows, in a sentence.
    pub about: String,
    /// Each becomes a test of its own.
    #[serde(default = "Protocol::all")]
    pub protocols: Vec<Protocol>,
    /// Which gateway it is for.
    #[serde(default)]
    pub gateway: Gateway,
    /// The loopback network that the client connects from; each test has an address of its own in
    /// it. Absent: a network that no policy names.
    #[serde(default)]
    pub from: Option<Ipv4Net>,
    /// Other clients who hold connections all the while.
    #[serde(default)]
    pub meanwhile: Option<Meanwhile>,
    /// The first exchange's request.
    pub request: Request,
    /// The first exchange's upstream answer. Absent: the request must not reach an upstream.
    #[serde(default)]
    pub upstream: Option<Answer>,
    /// What the first exchange must look like.
    pub expect: Expect,
    /// The exchanges that follow, on the same connection.
    #[serde(default)]
    pub then: Vec<Exchange>,
}

/// Clients who each send a request, or some of it, before the first exchange and stay to the end.
/// Nobody looks at what they get.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meanwhile {
    /// How many.
    pub connections: usize,
    /// What each sends; none of it may reach an upstream.
    pub request: Request,
}

/// A request, the answer to it and what must be seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Leave the connection of the exchange before and open another.
    #[serde(default)]
    pub new_connection: bool,
    /// What the client sends.
    pub request: Request,
    /// What the upstream answers. Absent: the request must not reach an upstream.
    #[serde(default)]
    pub upstream: Option<Answer>,
    /// What must be seen.
    pub expect: Expect,
}

/// Arrangements of the gateway, all with the rule files in `policies/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gateway {
    /// As shipped.
    #[default]
    Default,
    /// Silence lasts 1 s at most, the sending of a request 3 s.
    Impatient,
    /// Its upstreams speak HTTP/2.
    Http2Upstream,
    /// Nothing tells it a policy.
    NoPolicy,
    /// The policy that it is told can't be read.
    BrokenPolicy,
}

impl Gateway {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Default,
        Self::Impatient,
        Self::Http2Upstream,
        Self::NoPolicy,
        Self::BrokenPolicy,
    ];

    /// As in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Impatient => "impatient",
            Self::Http2Upstream => "http2_upstream",
            Self::NoPolicy => "no_policy",
            Self::BrokenPolicy => "broken_policy",
        }
    }
}

/// How the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1.
    H1,
    /// HTTP/2 without TLS, by prior knowledge.
    H2,
}

impl Protocol {
    fn all() -> Vec<Self> {
        vec![Self::H1, Self::H2]
    }

    /// As in scenario files and test names.
    pub fn name(self) -> &'static str {
        match self {
            Self::H1 => "h1",
            Self::H2 => "h2",
        }
    }
}

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

/// How a message says where its body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// `content-length`.
    #[default]
    Length,
    /// HTTP/1.1: `transfer-encoding: chunked`; HTTP/2: the end of the stream alone.
    Chunked,
    /// Answers only: until the upstream closes the connection.
    UntilClose,
    /// Nothing is added: the headers say it, rightly or wrongly.
    AsWritten,
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
