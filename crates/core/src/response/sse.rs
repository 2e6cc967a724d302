//! A stream of events that passes through: each event's usage is read, and the event that only
//! tells usage is taken out where the client did not ask for it. Nothing else is changed, and
//! nothing is held back but an event that may yet be that one.

use super::events::{EventReader, Step};
use super::probe::{Choices, Probe};
use super::repeat::Pattern;

/// Largest unfinished event that is held back; a larger one passes.
const LARGEST_HELD: usize = 64 * 1024;

/// Reads and filters a stream of events.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    reader: EventReader,
    probe: Probe,
    pattern: Pattern,
    takes_out_usage: bool,
    /// Whether a part of an event was read.
    inside: bool,
    /// The beginning of the unfinished event, as long as it may have to be taken out.
    held: Vec<u8>,
    /// Whether the unfinished event stays in the stream, whatever follows.
    passes: bool,
    /// Whether the last event was taken out.
    took_out: bool,
    /// How much of what the last piece let pass came before or at the end of an event; `None`: all of
    /// it is inside one.
    boundary: Option<usize>,
}

impl EventStream {
    /// `takes_out_usage`: drop the event with empty `choices` and a usage report.
    pub(super) fn new(takes_out_usage: bool) -> Self {
        Self {
            takes_out_usage,
            ..Self::default()
        }
    }

    /// Pieces of content seen so far.
    pub(super) fn deltas(&self) -> u64 {
        self.probe.deltas()
    }

    /// Where the stream could be cut: so much of what the last piece let pass are whole events.
    pub(super) fn boundary(&self) -> Option<usize> {
        self.boundary
    }

    /// Reads one piece. `None`: it passes as it is; else what passes in its place. The text of
    /// each usage report goes to `report`, with the pieces of content up to its event.
    pub(super) fn push(
        &mut self,
        chunk: &[u8],
        report: &mut impl FnMut(&[u8], u64),
    ) -> Option<Vec<u8>> {
        // What was held back is inside an event, and passes or goes with it.
        let is_between = !self.inside || !self.held.is_empty();
        let mut out = Output::new(chunk, std::mem::take(&mut self.held));
        self.boundary = is_between.then_some(0);
        let mut rest = chunk;
        loop {
            if let Some(length) = self.repeated(rest) {
                rest = rest.get(length..).unwrap_or_default();
                self.probe.count_repeated();
                self.took_out = false;
                out.settle(rest.len(), true);
                self.boundary = Some(out.length());
                continue;
            }
            match self.reader.advance(rest, &mut self.probe) {
                Step::Event(length) => {
                    let (event, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                    rest = after;
                    if let Some(text) = self.probe.report() {
                        report(text, self.probe.deltas());
                    }
                    self.took_out = !self.passes && self.only_tells_usage();
                    out.settle(rest.len(), !self.took_out);
                    self.boundary = Some(out.length());
                    self.learn(event);
                    self.probe.reset();
                    self.passes = false;
                    self.inside = false;
                }
                Step::LateLineFeed => {
                    rest = rest.get(1..).unwrap_or_default();
                    out.settle(rest.len(), !self.took_out);
                    self.boundary = Some(out.length());
                }
                Step::Unfinished => {
                    self.inside |= !rest.is_empty();
                    self.passes |= self.must_pass(out.unsettled());
                    if self.passes {
                        out.settle(0, true);
                    }
                    let (passed, held) = out.finish();
                    self.held = held;
                    return passed;
                }
            }
        }
    }

    /// The stream's end: what was held back passes.
    pub(super) fn finish(&mut self, report: &mut impl FnMut(&[u8], u64)) -> Vec<u8> {
        if let Some(text) = self.probe.report() {
            report(text, self.probe.deltas());
        }
        std::mem::take(&mut self.held)
    }

    /// The length of the next event, if it is like the one before.
    fn repeated(&self, rest: &[u8]) -> Option<usize> {
        let begins = !self.inside && self.reader.is_at_line();
        begins.then(|| self.pattern.length(rest)).flatten()
    }

    /// `event`: what has just been read of it, all of it unless a part came before.
    fn learn(&mut self, event: &[u8]) {
        if !self.inside
            && let Some(from_end) = self.probe.only_content()
        {
            self.pattern.learn(event, from_end);
        }
    }

    fn only_tells_usage(&self) -> bool {
        self.takes_out_usage
            && !self.probe.is_foreign()
            && self.probe.choices() == Choices::Empty
            && self.probe.report().is_some()
    }

    /// Whether the unfinished event of this length can't be one that only tells usage.
    fn must_pass(&self, length: usize) -> bool {
        !self.takes_out_usage
            || self.probe.is_foreign()
            || self.probe.choices() == Choices::Filled
            || length > LARGEST_HELD
    }
}

/// What becomes of one chunk and the bytes held before it. As long as that is the chunk itself,
/// nothing is copied.
struct Output<'a> {
    chunk: &'a [u8],
    /// Bytes of the chunk that are decided on.
    settled: usize,
    /// Held before the chunk, and not yet decided on.
    held: Vec<u8>,
    /// What passes, once it differs from the chunk.
    passed: Option<Vec<u8>>,
}

impl<'a> Output<'a> {
    fn new(chunk: &'a [u8], held: Vec<u8>) -> Self {
        let passed = (!held.is_empty()).then(Vec::new);
        Self {
            chunk,
            settled: 0,
            held,
            passed,
        }
    }

    /// Bytes that are not yet decided on.
    fn unsettled(&self) -> usize {
        self.chunk
            .len()
            .saturating_sub(self.settled)
            .saturating_add(self.held.len())
    }

    /// Decides on all but the last `left` bytes of the chunk.
    fn settle(&mut self, left: usize, pass: bool) {
        let from = self.settled;
        self.settled = self.chunk.len().saturating_sub(left);
        if pass {
            if let Some(passed) = &mut self.passed {
                passed.append(&mut self.held);
                passed.extend_from_slice(self.chunk.get(from..self.settled).unwrap_or_default());
            }
        } else {
            self.held.clear();
            let before = self.chunk.get(..from).unwrap_or_default();
            self.passed.get_or_insert_with(|| before.to_vec());
        }
    }

    /// Bytes that pass so far.
    fn length(&self) -> usize {
        let passed = self.passed.as_ref();
        passed.map_or(self.settled, Vec::len)
    }

    /// What passes instead of the chunk, if not the chunk; and what is held.
    fn finish(mut self) -> (Option<Vec<u8>>, Vec<u8>) {
        let rest = self.chunk.get(self.settled..).unwrap_or_default();
        if !rest.is_empty() {
            let before = self.chunk.get(..self.settled).unwrap_or_default();
            self.passed.get_or_insert_with(|| before.to_vec());
            self.held.extend_from_slice(rest);
        }
        (self.passed, self.held)
    }
}
