//! A settlement as the access log reads it: one property per field, named `tollgate.<field>`.
//! Fields that do not apply are left out.

use tollgate_core::settlement::Settlement;

use crate::host::publish;

/// In the order of [`Settlement::tokens`].
const TOKENS: [&str; 7] = [
    "tollgate.tokens_prompt",
    "tollgate.tokens_completion",
    "tollgate.tokens_cached",
    "tollgate.tokens_cache_write",
    "tollgate.tokens_reasoning",
    "tollgate.tokens_audio_prompt",
    "tollgate.tokens_audio_completion",
];

/// Publishes every field of the access log's schema.
pub(crate) fn publish_settlement(settlement: &Settlement<'_>) {
    let tenant = settlement.tenant;
    let texts = [
        ("tollgate.policy", Some(settlement.policy)),
        ("tollgate.api", settlement.api.map(|api| api.name())),
        (
            "tollgate.organization",
            tenant.map(|tenant| tenant.organization),
        ),
        ("tollgate.team", tenant.map(|tenant| tenant.team)),
        ("tollgate.key", tenant.map(|tenant| tenant.key)),
        ("tollgate.key_hash", settlement.key_hash),
        ("tollgate.model_requested", settlement.model_requested),
        ("tollgate.model", settlement.model),
        ("tollgate.model_served", settlement.model_served),
        ("tollgate.target", settlement.target),
        ("tollgate.outcome", Some(settlement.outcome.name())),
        ("tollgate.reason", settlement.reason),
        (
            "tollgate.stream",
            Some(if settlement.stream { "true" } else { "false" }),
        ),
        ("tollgate.usage", Some(settlement.usage.name())),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            publish(name, value.as_bytes());
        }
    }
    for (name, (_, tokens)) in TOKENS.into_iter().zip(settlement.tokens) {
        if let Some(tokens) = tokens {
            publish(name, tokens.to_string().as_bytes());
        }
    }
    publish(
        "tollgate.content_deltas",
        settlement.content_deltas.to_string().as_bytes(),
    );
    if let Some(time) = settlement.time_to_first_token {
        publish(
            "tollgate.ttft_ms",
            (time / 1_000_000).to_string().as_bytes(),
        );
    }
}
