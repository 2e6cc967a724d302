//! What clients are told beside the answer: what their limits leave, in OpenAI's headers, and that a
//! cheaper model has answered.

use super::{Exchange, ResponseHead};
use crate::limits::rule::Measure;
use crate::limits::standing::Standing;
use crate::limits::time::Monotonic;
use crate::response::Meter;

/// Bytes of an answer that is held until its cost is known.
const LONGEST_HELD: u64 = 256 * 1024;

impl Exchange {
    /// Headers to set on an answer that begins now.
    pub(super) fn announcements(&self, now: Monotonic) -> Vec<(&'static str, String)> {
        let Some(held) = &self.held else {
            return Vec::new();
        };
        let mut headers = limits(&self.standings, self.notes.since_sent(now));
        if held.instead_of.is_some()
            && let Some(model) = held.model.and_then(|model| self.policy.model(model))
        {
            headers.push(("x-tollgate-fallback", model.name.to_string()));
        }
        headers
    }

    /// Whether the answer is short and to say what it costs.
    pub(super) fn tells_cost(&self, head: ResponseHead<'_>) -> bool {
        let is_whole = self.meter.as_ref().is_some_and(Meter::is_json) && !head.end_of_stream;
        let is_short = head.content_length.is_some_and(|n| n <= LONGEST_HELD);
        self.policy.cost_header() && self.held.is_some() && is_whole && is_short
    }

    /// The header that says what an answer cost, once [`Exchange::close`] has worked that out.
    pub fn cost_header(&self) -> Option<(&'static str, String)> {
        let bill = self.bill.as_ref()?;
        Some(("x-tollgate-cost", bill.cost.usd.to_string()))
    }
}

/// Headers that tell how limits stand, so many nanoseconds after they were looked at.
pub(super) fn limits(
    standings: &[(usize, Standing)],
    passed: Monotonic,
) -> Vec<(&'static str, String)> {
    let requests = tightest(standings, |measure| measure == Measure::Requests);
    let tokens = tightest(standings, |measure| {
        !matches!(measure, Measure::Requests | Measure::Money)
    });
    let told = [(REQUESTS, requests), (TOKENS, tokens)].into_iter();
    let told = told.filter_map(|(names, standing)| {
        let standing = standing?;
        let resets = standing.resets.unwrap_or(0).saturating_sub(passed);
        Some(texts(names, standing.amount, standing.left, resets))
    });
    told.flatten().collect()
}

/// The limit, what remains of it, and when all of it is there again.
type Names = [&'static str; 3];

const REQUESTS: Names = [
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
];
const TOKENS: Names = [
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
];

/// The enforced limit that leaves least.
fn tightest(
    standings: &[(usize, Standing)],
    counts: impl Fn(Measure) -> bool,
) -> Option<&Standing> {
    let counted = standings
        .iter()
        .map(|(_, standing)| standing)
        .filter(|standing| standing.is_enforced && !standing.hides_amounts)
        .filter(|standing| standing.measure.is_some_and(&counts));
    counted.min_by_key(|standing| standing.left)
}

fn texts(names: Names, amount: u128, left: u128, resets: u64) -> [(&'static str, String); 3] {
    let [limit, remaining, reset] = names;
    [
        (limit, amount.to_string()),
        (remaining, left.to_string()),
        (reset, duration(resets)),
    ]
}

/// As OpenAI writes it: `350ms`, `1s`, `6m0s`, `1h0m0s`.
fn duration(nanos: u64) -> String {
    let ms = nanos.div_ceil(1_000_000);
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    let seconds = ms.div_ceil(1_000);
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations() {
        for (nanos, text) in [
            (0, "0ms"),
            (1, "1ms"),
            (350_000_000, "350ms"),
            (999_999_999, "1s"),
            (1_000_000_001, "2s"),
            (360_000_000_000, "6m0s"),
            (86_400_000_000_000, "24h0m0s"),
        ] {
            assert_eq!(duration(nanos), text);
        }
    }
}
