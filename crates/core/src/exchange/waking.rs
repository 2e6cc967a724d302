//! A model that sleeps. Its endpoint picker holds requests until a server is ready, and lets go
//! those that have waited too long. Where the target's rule says what a start takes, clients are told
//! that instead of the picker's words. No other error of an upstream is replaced.
//!
//! The answer is held until its body is whole or shows that it is another one, which passes as it
//! came. The picker says the same where all servers are busy.

use super::{Exchange, ResponseHead, picker};
use crate::limits::time::Monotonic;
use crate::refusal::Refusal;
use crate::reply::Reply;

/// Bytes of a held answer that decide what becomes of it: one more than are ever replaced.
pub const DECISIVE: usize = picker::TIMED_OUT.len().saturating_add(1);

/// What becomes of an answer that is held.
#[derive(Debug)]
pub enum HeldAnswer {
    /// It is held on.
    Wait,
    /// It passes as it came, and so does what follows.
    Pass,
    /// This passes in its place.
    Replace(Reply),
}

impl Exchange {
    /// Whether the answer may be the picker's to a request that waited in vain.
    pub(super) fn may_be_waking(&self, head: ResponseHead<'_>) -> bool {
        let fits = |length| usize::try_from(length) == Ok(picker::TIMED_OUT.len());
        self.cold_start.is_some()
            && head.status == 503
            && !head.end_of_stream
            && !head.is_encoded()
            && head.content_length.is_none_or(fits)
    }

    /// Decides on an answer that is held for [`Hold::Waking`](super::Hold::Waking). `beginning`: its
    /// first [`DECISIVE`] bytes, or all there is of it.
    pub fn held_answer(
        &mut self,
        beginning: &[u8],
        end_of_stream: bool,
        now: Monotonic,
    ) -> HeldAnswer {
        let Some(seconds) = self.cold_start else {
            return HeldAnswer::Pass;
        };
        if !end_of_stream && picker::TIMED_OUT.starts_with(beginning) {
            return HeldAnswer::Wait;
        }
        if beginning != picker::TIMED_OUT {
            return HeldAnswer::Pass;
        }
        self.notes.answer_goes_on(end_of_stream);
        self.notes.reject();
        let model = self.notes.model.as_deref().unwrap_or_default();
        let refusal = Refusal::ModelWaking {
            model: model.to_owned(),
            seconds,
        };
        let told = self.announcements(now);
        HeldAnswer::Replace(self.refuse(&refusal).with(told))
    }
}
