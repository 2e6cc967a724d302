//! Whether and how an answer is metered.

use super::{Exchange, ResponseHead, picker};
use crate::limits::time::Monotonic;
use crate::response::Meter;

impl Exchange {
    /// `true`: an event may be taken out of the answer.
    pub(super) fn meter_answer(&mut self, head: ResponseHead<'_>) -> bool {
        let is_stream = head.is_event_stream();
        let whole_at = (!is_stream).then_some(head.now);
        self.notes.answer(head.status, head.end_of_stream, whole_at);
        if picker::rejects(head) {
            self.notes.reject();
        }
        self.refusal = picker::RefusalText::of(head.status);
        let Some(api) = self
            .api
            .filter(|api| self.concerns.reads_answers() && api.reports_usage())
        else {
            return false;
        };
        if !(200..300).contains(&head.status) || head.is_encoded() {
            return false;
        }
        let takes_out = is_stream && api.has_stream_options() && self.takes_out_usage;
        self.meter = Some(if is_stream {
            Meter::events(takes_out)
        } else {
            Meter::json()
        });
        takes_out
    }

    /// `None`: the piece passes as it is; else what passes instead.
    pub(super) fn meter_piece(
        &mut self,
        chunk: &[u8],
        end_of_stream: bool,
        now: Monotonic,
    ) -> Option<Vec<u8>> {
        let is_cut = self.is_cut();
        let meter = self.meter.as_mut()?;
        let passed = meter.push(chunk, end_of_stream);
        if is_cut {
            return Some(Vec::new());
        }
        if self.notes.awaits_first_token() && meter.deltas() > 0 {
            self.notes.first_token(now);
        }
        passed
    }
}
