//! What was seen of complete exchanges: sums, and how long answers were. The value that VMs share.
//!
//! Little-endian: layout (u8), seven zeros, five sums (u64), and the histogram's classes (u32).

use super::histogram::{CLASSES, Histogram};
use super::learned::Learned;
use crate::limits::record::Unreadable;

/// A complete exchange, as reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Observation {
    pub prompt_bytes: u64,
    pub prompt_tokens: u64,
    /// Of each answer.
    pub output_tokens: u64,
    pub milliseconds: u64,
}

/// Exchanges after which older ones count half.
const MANY: u64 = 1024;
/// What was seen counts up to this factor around the defaults.
const FACTOR: u64 = 4;

const HEADER: [u8; 8] = [1, 0, 0, 0, 0, 0, 0, 0];

/// Exchanges of one model, summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub(super) exchanges: u64,
    prompt_bytes: u64,
    prompt_tokens: u64,
    output_tokens: u64,
    milliseconds: u64,
    outputs: Histogram,
}

impl Seen {
    /// # Errors
    /// Where it is not as this layout has it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let rest = bytes.strip_prefix(&HEADER).ok_or(Unreadable)?;
        let (sums, rest) = rest.split_at_checked(40).ok_or(Unreadable)?;
        let sums = sums.as_chunks::<8>().0.iter();
        let mut sums = sums.map(|bytes| u64::from_le_bytes(*bytes));
        let (counts, left) = rest.as_chunks::<4>();
        if counts.len() != CLASSES || !left.is_empty() {
            return Err(Unreadable);
        }
        let mut outputs = Histogram::default();
        for (count, bytes) in outputs.0.iter_mut().zip(counts) {
            *count = u32::from_le_bytes(*bytes);
        }
        let mut sum = || sums.next().unwrap_or(0);
        Ok(Self {
            exchanges: sum(),
            prompt_bytes: sum(),
            prompt_tokens: sum(),
            output_tokens: sum(),
            milliseconds: sum(),
            outputs,
        })
    }

    /// The value to share.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for sum in [
            self.exchanges,
            self.prompt_bytes,
            self.prompt_tokens,
            self.output_tokens,
            self.milliseconds,
        ] {
            bytes.extend_from_slice(&sum.to_le_bytes());
        }
        for count in self.outputs.0 {
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        bytes
    }

    pub(super) fn observe(&mut self, observation: Observation) {
        let Observation {
            prompt_bytes,
            prompt_tokens,
            output_tokens,
            milliseconds,
        } = observation;
        self.add([1, prompt_bytes, prompt_tokens, output_tokens, milliseconds]);
        self.outputs.add(output_tokens);
        self.age();
    }

    /// What others have seen counts too.
    pub(super) fn merge(&mut self, other: &Self) {
        self.add([
            other.exchanges,
            other.prompt_bytes,
            other.prompt_tokens,
            other.output_tokens,
            other.milliseconds,
        ]);
        self.outputs.merge(&other.outputs);
        self.age();
    }

    fn add(&mut self, more: [u64; 5]) {
        for (sum, more) in self.sums().into_iter().zip(more) {
            *sum = sum.saturating_add(more);
        }
    }

    fn age(&mut self) {
        if self.exchanges >= MANY {
            self.sums().into_iter().for_each(|sum| *sum /= 2);
            self.outputs.age();
        }
    }

    fn sums(&mut self) -> [&mut u64; 5] {
        [
            &mut self.exchanges,
            &mut self.prompt_bytes,
            &mut self.prompt_tokens,
            &mut self.output_tokens,
            &mut self.milliseconds,
        ]
    }

    /// What is usual, by this.
    pub(super) fn learned(&self) -> Learned {
        let usual = Learned::default();
        let mean = |sum: u64| sum.div_ceil(self.exchanges.max(1));
        let bytes = self.prompt_bytes.saturating_mul(256);
        let per_token = bytes.div_ceil(self.prompt_tokens.max(1));
        let output_mean = near(mean(self.output_tokens), usual.output_mean);
        // In what time so many tokens are made, where it is not as many as were seen.
        let duration = mean(self.milliseconds)
            .saturating_mul(output_mean)
            .div_ceil(mean(self.output_tokens).max(1));
        // Clients that read slowly make a stream look slow, and would pay less for leaving: no model
        // is slower than a quarter of the usual. It may be faster, or they would pay less again.
        let slowest = output_mean
            .saturating_mul(usual.duration_mean)
            .saturating_mul(FACTOR)
            .div_ceil(usual.output_mean.max(1));
        Learned {
            bytes_per_token: near(per_token, usual.bytes_per_token),
            output_p95: near(self.outputs.p95(), usual.output_p95),
            output_mean,
            duration_mean: duration.clamp(1, slowest),
        }
    }
}

fn near(seen: u64, usual: u64) -> u64 {
    seen.clamp(usual / FACTOR, usual.saturating_mul(FACTOR))
}
