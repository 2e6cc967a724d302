//! What is usual for a model, as far as it was seen: how many bytes make a token, how long answers
//! are and take. Estimates only; what binds never rests on them.

use std::collections::BTreeMap;

/// What is usual for one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Bytes of a prompt's JSON for each of its tokens, in 256ths.
    pub bytes_per_token: u64,
    /// 95 of 100 answers have no more tokens.
    pub output_p95: u64,
    /// Tokens of an answer, on average.
    pub output_mean: u64,
    /// Milliseconds for which an upstream works on an answer, on average: from the moment that it is
    /// sent the request.
    pub duration_mean: u64,
}

/// Until enough was seen; and what was reported counts up to a factor of 4 around it.
impl Default for Learned {
    fn default() -> Self {
        Self {
            bytes_per_token: 4 * 256,
            output_p95: 1024,
            output_mean: 256,
            duration_mean: 4000,
        }
    }
}

impl Learned {
    /// Tokens that a text of this many bytes usually has; at least one.
    pub fn tokens(&self, bytes: u64) -> u64 {
        let scaled = bytes.saturating_mul(256);
        scaled.div_ceil(self.bytes_per_token.max(1)).max(1)
    }

    /// Output tokens that were probably made in this many milliseconds.
    pub fn output_within(&self, milliseconds: u64) -> u64 {
        let made = self.output_mean.saturating_mul(milliseconds);
        made.div_ceil(self.duration_mean.max(1))
    }
}

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

/// Everything that was seen, by model.
#[derive(Debug, Default)]
pub struct Learning(BTreeMap<Box<str>, Seen>);

/// Exchanges before what they show is believed.
const ENOUGH: u64 = 16;
/// Exchanges after which older ones count half.
const MANY: u64 = 1024;
/// Models that are kept.
const MOST_MODELS: usize = 4096;
/// What was seen counts up to this factor around the defaults.
const FACTOR: u64 = 4;

#[derive(Debug, Default)]
struct Seen {
    exchanges: u64,
    prompt_bytes: u64,
    prompt_tokens: u64,
    output_tokens: u64,
    milliseconds: u64,
    outputs: Histogram,
}

impl Learning {
    /// What is usual for this model.
    pub fn of(&self, model: &str) -> Learned {
        let seen = self.0.get(model).filter(|seen| seen.exchanges >= ENOUGH);
        seen.map(Seen::learned).unwrap_or_default()
    }

    /// Takes one more exchange into account.
    pub fn observe(&mut self, model: &str, observation: Observation) {
        if !self.0.contains_key(model) {
            if self.0.len() >= MOST_MODELS {
                return;
            }
            self.0.insert(model.into(), Seen::default());
        }
        if let Some(seen) = self.0.get_mut(model) {
            seen.observe(observation);
        }
    }
}

impl Seen {
    fn observe(&mut self, observation: Observation) {
        let Observation {
            prompt_bytes,
            prompt_tokens,
            output_tokens,
            milliseconds,
        } = observation;
        for (sum, new) in [
            (&mut self.exchanges, 1),
            (&mut self.prompt_bytes, prompt_bytes),
            (&mut self.prompt_tokens, prompt_tokens),
            (&mut self.output_tokens, output_tokens),
            (&mut self.milliseconds, milliseconds),
        ] {
            *sum = sum.saturating_add(new);
        }
        self.outputs.add(output_tokens);
        if self.exchanges >= MANY {
            self.age();
        }
    }

    fn age(&mut self) {
        for sum in [
            &mut self.exchanges,
            &mut self.prompt_bytes,
            &mut self.prompt_tokens,
            &mut self.output_tokens,
            &mut self.milliseconds,
        ] {
            *sum /= 2;
        }
        self.outputs.age();
    }

    fn learned(&self) -> Learned {
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

/// How often values were seen, by their size: four classes for each power of two.
#[derive(Debug)]
struct Histogram([u32; 128]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; 128])
    }
}

impl Histogram {
    fn add(&mut self, value: u64) {
        let class = usize::try_from(class(value).min(127)).unwrap_or(127);
        if let Some(count) = self.0.get_mut(class) {
            *count = count.saturating_add(1);
        }
    }

    fn age(&mut self) {
        self.0.iter_mut().for_each(|count| *count /= 2);
    }

    /// The upper end of the class that holds the 95th of 100.
    fn p95(&self) -> u64 {
        let total = self.0.iter().fold(0_u32, |sum, n| sum.saturating_add(*n));
        let mut rest = total / 20;
        for (class, count) in (0..=127_u32).rev().zip(self.0.into_iter().rev()) {
            if count > rest {
                return last_of(class);
            }
            rest = rest.saturating_sub(count);
        }
        0
    }
}

/// The exponent of a value's power of two, and the two bits after its first.
fn class(value: u64) -> u32 {
    let value = value.max(4);
    let exponent = value.ilog2();
    let quarter = value >> exponent.saturating_sub(2) & 3;
    let quarter = u32::try_from(quarter).unwrap_or(0);
    exponent
        .saturating_sub(2)
        .saturating_mul(4)
        .saturating_add(quarter)
}

fn last_of(class: u32) -> u64 {
    let next = class.saturating_add(1);
    let (exponent, quarter) = (next / 4, u64::from(next % 4));
    let first = quarter.saturating_add(4).checked_shl(exponent);
    first.unwrap_or(u64::MAX).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(learning: &mut Learning, times: usize, output_tokens: u64) {
        for _ in 0..times {
            learning.observe(
                "m",
                Observation {
                    prompt_bytes: 300,
                    prompt_tokens: 100,
                    output_tokens,
                    milliseconds: 2000,
                },
            );
        }
    }

    #[test]
    fn classes_hold_what_they_say() {
        for value in (4..5000).chain([u64::from(u32::MAX)]) {
            let class = class(value);
            assert!(value <= last_of(class), "{value}");
            assert!(class == 0 || value > last_of(class - 1), "{value}");
        }
    }

    #[test]
    fn what_is_usual_is_learned_from_enough() {
        let mut learning = Learning::default();
        observe(&mut learning, 15, 500);
        assert_eq!(learning.of("m"), Learned::default());
        observe(&mut learning, 80, 500);
        observe(&mut learning, 5, 3000);
        let learned = learning.of("m");
        assert_eq!(learned.bytes_per_token, 3 * 256);
        assert_eq!(learned.output_p95, 511);
        assert_eq!((learned.output_mean, learned.duration_mean), (625, 2000));
        observe(&mut learning, 10, 3000);
        assert_eq!(learning.of("m").output_p95, 3071);
        assert_eq!(learning.of("other"), Learned::default());
    }

    #[test]
    fn the_pace_is_as_seen_but_no_slower_than_a_quarter_of_the_usual() {
        let observed = |output_tokens, milliseconds| {
            let mut learning = Learning::default();
            for _ in 0..100 {
                learning.observe(
                    "m",
                    Observation {
                        prompt_bytes: 300,
                        prompt_tokens: 100,
                        output_tokens,
                        milliseconds,
                    },
                );
            }
            learning.of("m")
        };
        // Four tokens in 50 ms are 64, the least that is believed, in 800.
        assert_eq!(observed(4, 50).output_within(50), 4);
        assert_eq!(observed(5000, 20_000).output_within(20_000), 5000);
        // Sixteen tokens a second.
        assert_eq!(observed(100, 600_000).output_within(1000), 16);
    }

    #[test]
    fn nothing_is_believed_beyond_a_factor_of_four() {
        let mut learning = Learning::default();
        observe(&mut learning, 100, 0);
        let learned = learning.of("m");
        assert_eq!((learned.output_p95, learned.output_mean), (256, 64));
        observe(&mut learning, 5000, 1 << 40);
        let learned = learning.of("m");
        assert_eq!((learned.output_p95, learned.output_mean), (4096, 1024));
    }

    #[test]
    fn what_was_made_while_waiting() {
        let learned = Learned::default();
        assert_eq!(learned.output_within(0), 0);
        assert_eq!(learned.output_within(2000), 128);
        assert_eq!(learned.output_within(8000), 512);
        assert_eq!(learned.tokens(0), 1);
        assert_eq!(learned.tokens(401), 101);
    }
}
