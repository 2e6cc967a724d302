//! Metrics: labels cut out of the module's metric names, and histogram buckets.

use serde_json::{Value, json};

/// The labels of the module's metrics: `tollgate_<metric>;label=value;label=value`.
pub(crate) const LABELS: [&str; 9] = [
    "organization",
    "team",
    "model",
    "outcome",
    "reason",
    "kind",
    "part",
    "rule",
    "did",
];

/// Milliseconds, from a cached first token to the longest answer.
const BUCKETS: [u32; 16] = [
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000,
    600_000,
];

/// The bootstrap's `stats_config`.
pub(crate) fn stats_config() -> Value {
    json!({
        "stats_tags": LABELS.map(tag),
        "histogram_bucket_settings": [{
            "match": { "prefix": "wasmcustom.tollgate_" },
            "buckets": BUCKETS,
        }],
    })
}

/// The first group is what is cut from the name, the second the label's value.
pub(crate) fn tag(label: &str) -> Value {
    json!({
        "tag_name": label,
        "regex": format!("^wasmcustom\\.tollgate_.*?(;{label}=([^;]*))"),
    })
}
