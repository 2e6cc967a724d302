//! What arrives with each phase of an exchange, and what changes on its way.

use crate::headers::Headers;
use crate::limits::time::{Monotonic, Now};
use crate::reply::Reply;
use crate::secret::Hash;

/// What arrives with a request's headers.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Everything, pseudo headers too.
    pub headers: Headers<'a>,
    /// What a module before this one found, where concerns are split over modules.
    pub earlier: Earlier<'a>,
    /// No body follows.
    pub end_of_stream: bool,
    /// When the request began.
    pub now: Now,
}

/// What earlier modules of the same chain found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Earlier<'a> {
    /// The hash of the authenticated key.
    pub key: Option<Hash>,
    /// The model the request is accounted under.
    pub model: Option<&'a str>,
}

/// What to do next with a request.
#[derive(Debug)]
pub enum Step {
    /// Answer it; nothing goes upstream.
    Reply(Reply),
    /// Take these headers away and hold everything until the whole body is there.
    AwaitBody {
        /// By name.
        remove: Vec<String>,
    },
    /// Let it go upstream, changed.
    Forward(Forward),
    /// Answer it with [`usage`](super::Exchange::usage), by what is kept of
    /// [`usage_accounts`](super::Exchange::usage_accounts).
    ReadAccounts,
}

/// The changes to a request that goes upstream.
#[derive(Debug, Default)]
pub struct Forward {
    /// Headers to remove, by name.
    pub remove: Vec<String>,
    /// Headers to set, after the removals.
    pub set: Vec<(&'static str, String)>,
    /// The new body; it needs a content-length of its own.
    pub body: Option<String>,
}

/// What arrives with an answer's headers.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// HTTP status.
    pub status: u16,
    /// Its `content-type`.
    pub content_type: Option<&'a [u8]>,
    /// Its `content-encoding`.
    pub content_encoding: Option<&'a [u8]>,
    /// Its `content-length`.
    pub content_length: Option<u64>,
    /// Its [`DROPPED_REASON`](super::DROPPED_REASON).
    pub dropped_reason: Option<&'a [u8]>,
    /// No body follows.
    pub end_of_stream: bool,
    /// When they came.
    pub now: Monotonic,
}

impl ResponseHead<'_> {
    /// Whether server-sent events follow.
    pub(super) fn is_event_stream(&self) -> bool {
        let kind = self.content_type;
        let prefix = kind.and_then(|value| value.get(..b"text/event-stream".len()));
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"text/event-stream"))
    }

    /// Whether the body is compressed.
    pub(super) fn is_encoded(&self) -> bool {
        let encoding = self.content_encoding;
        encoding.is_some_and(|name| !name.eq_ignore_ascii_case(b"identity"))
    }
}

/// The changes to an answer's headers.
#[derive(Debug, Default)]
pub struct ResponseEdits {
    /// The content-length must go.
    pub drops_length: bool,
    /// The answer has to be held.
    pub hold: Option<Hold>,
    /// Headers to set.
    pub set: Vec<(&'static str, String)>,
}

/// Until when an answer is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Until its end, when [`cost_header`](super::Exchange::cost_header) is known.
    Cost,
    /// Until [`held_answer`](super::Exchange::held_answer) lets it go.
    Waking,
}
