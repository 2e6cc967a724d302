//! How an endpoint picker (of the Gateway API Inference Extension) says that it let a request go
//! before a model server got it. It stands behind another gateway, which answers for it.

use super::ResponseHead;

/// The header by which llm-d's picker gives its reason: `rejected-…`, or `evicted…` if a model server
/// had the request.
pub const DROPPED_REASON: &str = "x-llm-d-request-dropped-reason";

/// How the body of the picker's 503 begins, up to version 1.5, which has no header for it.
const UNAVAILABLE: &[u8] = b"inference error: ServiceUnavailable - ";

/// The whole body of that to a request that no model server was ready for in time.
pub(super) const TIMED_OUT: &[u8] = b"inference error: ServiceUnavailable - request timed out in \
    queue: request evicted from queue: request TTL expired";

/// Whether the headers say so.
pub(super) fn rejects(head: ResponseHead<'_>) -> bool {
    let reason = head.dropped_reason;
    head.status >= 400 && reason.is_some_and(|reason| reason.starts_with(b"rejected-"))
}

/// What is still to come of a body that would say so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RefusalText {
    awaited: &'static [u8],
}

impl RefusalText {
    /// In an answer with this status.
    pub(super) fn of(status: u16) -> Self {
        let awaited = if status == 503 { UNAVAILABLE } else { b"" };
        Self { awaited }
    }

    /// Whether the next piece of the body is needed.
    pub(super) fn is_awaited(self) -> bool {
        !self.awaited.is_empty()
    }

    /// Reads a piece; `true`: this was it.
    pub(super) fn push(&mut self, piece: &[u8]) -> bool {
        if self.awaited.is_empty() {
            return false;
        }
        let length = piece.len().min(self.awaited.len());
        let begins = piece.get(..length) == self.awaited.get(..length);
        let rest = if begins {
            self.awaited.get(length..)
        } else {
            None
        };
        self.awaited = rest.unwrap_or_default();
        begins && self.awaited.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{RefusalText, TIMED_OUT, UNAVAILABLE};

    fn says(pieces: &[&[u8]]) -> bool {
        let mut refusal = RefusalText::of(503);
        pieces.iter().any(|piece| refusal.push(piece))
    }

    #[test]
    fn a_request_that_timed_out_was_refused() {
        assert!(TIMED_OUT.starts_with(UNAVAILABLE));
    }

    #[test]
    fn a_refusal_may_come_in_any_pieces() {
        let text = [UNAVAILABLE, b"no candidates"].concat();
        assert!(says(&[&text]));
        for cut in 0..text.len() {
            let (first, second) = text.split_at(cut);
            assert!(says(&[first, b"", second]), "cut at {cut}");
        }
        assert!(!says(&[b" ", &text]), "something before it");
        assert!(!says(&[b"inference error: Internal - ", &text]));
        assert!(
            !says(&[text.get(..20).unwrap_or_default()]),
            "its beginning"
        );
        assert!(!RefusalText::of(500).is_awaited());
    }
}
