//! Streams as llama.cpp's server sent them, in every two pieces and in random ones: what the client
//! gets and what is metered do not depend on where the pieces end.

use proptest::prelude::*;
use tollgate_core::response::usage::Usage;
use tollgate_core::response::{Meter, Metered};

struct Recorded {
    text: &'static str,
    /// Input and output tokens that it reports, and its pieces of content.
    reported: (u64, u64, u64),
    /// Whether its usage comes in an event of its own.
    has_usage_event: bool,
}

const RECORDED: [Recorded; 4] = [
    Recorded {
        text: include_str!("recorded/chat.sse"),
        reported: (43, 16, 15),
        has_usage_event: true,
    },
    Recorded {
        text: include_str!("recorded/completions.sse"),
        reported: (3, 8, 8),
        has_usage_event: false,
    },
    Recorded {
        text: include_str!("recorded/messages.sse"),
        reported: (1, 12, 12),
        has_usage_event: false,
    },
    Recorded {
        text: include_str!("recorded/responses.sse"),
        reported: (34, 8, 8),
        has_usage_event: false,
    },
];

impl Recorded {
    /// What passes where the usage event is taken out.
    fn without_usage_event(&self) -> String {
        let events = self.text.split_inclusive("\n\n");
        let is_usage = |event: &&str| self.has_usage_event && event.contains("\"choices\":[]");
        events.filter(|event| !is_usage(event)).collect()
    }

    /// Passes it through in pieces that end there.
    fn check(&self, ends: &[usize], takes_out: bool) {
        let mut meter = Meter::events(takes_out);
        let mut passed = Vec::new();
        let mut from = 0;
        for &to in ends.iter().chain([&self.text.len()]) {
            let piece = &self.text.as_bytes()[from..to];
            let instead = meter.push(piece, to == self.text.len());
            passed.extend_from_slice(instead.as_deref().unwrap_or(piece));
            from = to;
        }
        let Metered {
            usage: Usage { input, output, .. },
            deltas,
            ..
        } = meter.metered();
        let (prompt, completion, pieces) = self.reported;
        assert_eq!(
            (input, output, deltas),
            (Some(prompt), Some(completion), pieces),
            "{} pieces, the first ends at {:?}",
            ends.len() + 1,
            ends.first()
        );
        let expected = if takes_out {
            self.without_usage_event()
        } else {
            self.text.to_owned()
        };
        assert!(
            passed == expected.as_bytes(),
            "{} pieces, the first ends at {:?}",
            ends.len() + 1,
            ends.first()
        );
    }
}

#[test]
fn in_every_two_pieces() {
    for recorded in RECORDED {
        for end in 0..recorded.text.len() {
            recorded.check(&[end], true);
            recorded.check(&[end], false);
        }
    }
}

#[test]
fn byte_by_byte() {
    for recorded in RECORDED {
        let every: Vec<_> = (1..recorded.text.len()).collect();
        recorded.check(&every, true);
        recorded.check(&every, false);
    }
}

proptest! {
    #[test]
    fn in_random_pieces(which in 0..RECORDED.len(), mut ends in prop::collection::vec(0usize..5000, 0..40), takes_out: bool) {
        let recorded = &RECORDED[which];
        ends.retain(|&end| end < recorded.text.len());
        ends.sort_unstable();
        recorded.check(&ends, takes_out);
    }
}
