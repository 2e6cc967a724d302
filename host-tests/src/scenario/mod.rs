//! The format of a scenario file, as `README.md` shows it: strict, and typed once it is read.

mod answer;
mod bytes;
mod request;

use ipnet::Ipv4Net;
use serde::Deserialize;

use crate::expect::Expect;

pub use answer::{Answer, BETWEEN_SPLITS, Splits, Step};
pub use bytes::Base64;
pub use request::{Abort, Body, Generated, Request};

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
