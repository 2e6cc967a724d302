//! Reads an answer as it passes: what it reports of its usage, and how much of it there was.
//! Memory does not grow with the answer.

mod events;
mod place;
mod probe;
mod repeat;
mod sse;
pub mod usage;

use self::probe::Probe;
use self::sse::EventStream;
use self::usage::Usage;

/// What is known of an answer's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// As reported, the last report of each kind.
    pub usage: Usage,
    /// Pieces of content that passed: an estimate of output tokens where none are reported.
    pub deltas: u64,
    /// Whether some of them came after the last report of output.
    pub is_outdated: bool,
}

/// Meters one answer.
#[derive(Debug)]
pub struct Meter {
    body: Body,
    usage: Usage,
    /// Pieces of content up to the last report of output.
    reported_at: u64,
}

#[derive(Debug)]
enum Body {
    Json(Box<Probe>),
    Events(Box<EventStream>),
}

impl Meter {
    /// For an answer in one JSON document.
    pub fn json() -> Self {
        Self {
            body: Body::Json(Box::default()),
            usage: Usage::default(),
            reported_at: 0,
        }
    }

    /// For server-sent events. `takes_out_usage`: drop the event that only tells usage.
    pub fn events(takes_out_usage: bool) -> Self {
        let events = EventStream::new(takes_out_usage);
        Self {
            body: Body::Events(Box::new(events)),
            usage: Usage::default(),
            reported_at: 0,
        }
    }

    /// Whether the answer is one JSON document.
    pub fn is_json(&self) -> bool {
        matches!(self.body, Body::Json(_))
    }

    /// Reads one piece of the body. `None`: it passes as it is; else what passes in its place.
    pub fn push(&mut self, chunk: &[u8], end_of_stream: bool) -> Option<Vec<u8>> {
        let (usage, reported_at) = (&mut self.usage, &mut self.reported_at);
        let mut note = |report: &[u8], deltas: u64| {
            let report = Usage::parse(report);
            if report.output.is_some() {
                *reported_at = deltas;
            }
            usage.update(&report);
        };
        match &mut self.body {
            Body::Json(probe) => {
                let mut rest = chunk;
                while !rest.is_empty() {
                    rest = probe.push_to_report(rest);
                    if let Some(report) = probe.new_report() {
                        note(report, 0);
                    }
                }
                None
            }
            Body::Events(events) => {
                let passed = events.push(chunk, &mut note);
                if !end_of_stream {
                    return passed;
                }
                let held = events.finish(&mut note);
                if held.is_empty() {
                    return passed;
                }
                let mut passed = passed.unwrap_or_default();
                passed.extend_from_slice(&held);
                Some(passed)
            }
        }
    }

    /// Where a stream could be cut: so much of what the last piece let pass are whole events.
    pub fn boundary(&self) -> Option<usize> {
        match &self.body {
            Body::Json(_) => None,
            Body::Events(events) => events.boundary(),
        }
    }

    /// Pieces of content so far.
    pub fn deltas(&self) -> u64 {
        match &self.body {
            Body::Json(_) => 0,
            Body::Events(events) => events.deltas(),
        }
    }

    /// Output tokens so far, as counted or as reported.
    pub fn made(&self) -> u64 {
        self.deltas().max(self.usage.output.unwrap_or(0))
    }

    /// What is known so far.
    pub fn metered(&self) -> Metered {
        let deltas = self.deltas();
        Metered {
            usage: self.usage,
            deltas,
            is_outdated: self.usage.output.is_some() && deltas > self.reported_at,
        }
    }
}

#[cfg(test)]
mod tests;
