//! What clients are told beside the answer: what their limits leave, in OpenAI's headers, and that a
//! cheaper model has answered.

use super::Exchange;
use crate::limits::rule::Measure;
use crate::limits::standing::Standing;

impl Exchange {
    /// Headers to set on the answer.
    pub(super) fn announcements(&self) -> Vec<(&'static str, String)> {
        let Some(held) = &self.held else {
            return Vec::new();
        };
        let mut headers = Vec::new();
        let requests = |measure| measure == Measure::Requests;
        if let Some(standing) = tightest(&held.standings, requests) {
            let [limit, left, resets] = texts(standing);
            headers.push(("x-ratelimit-limit-requests", limit));
            headers.push(("x-ratelimit-remaining-requests", left));
            headers.push(("x-ratelimit-reset-requests", resets));
        }
        let tokens = |measure| !matches!(measure, Measure::Requests | Measure::Money);
        if let Some(standing) = tightest(&held.standings, tokens) {
            let [limit, left, resets] = texts(standing);
            headers.push(("x-ratelimit-limit-tokens", limit));
            headers.push(("x-ratelimit-remaining-tokens", left));
            headers.push(("x-ratelimit-reset-tokens", resets));
        }
        if held.instead_of.is_some()
            && let Some(model) = held.model.and_then(|model| self.policy.model(model))
        {
            headers.push(("x-tollgate-fallback", model.name.to_string()));
        }
        headers
    }
}

/// The enforced limit that leaves least.
fn tightest(
    standings: &[(usize, Standing)],
    counts: impl Fn(Measure) -> bool,
) -> Option<&Standing> {
    let counted = standings
        .iter()
        .map(|(_, standing)| standing)
        .filter(|standing| standing.is_enforced && standing.measure.is_some_and(&counts));
    counted.min_by_key(|standing| standing.left)
}

fn texts(standing: &Standing) -> [String; 3] {
    [
        standing.amount.to_string(),
        standing.left.to_string(),
        duration(standing.resets.unwrap_or(0)),
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
