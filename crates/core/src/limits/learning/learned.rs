//! What is usual for a model, as far as it was seen: how many bytes make a token, how long answers
//! are and take. Estimates only; what binds never rests on them.

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
