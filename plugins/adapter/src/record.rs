//! A settlement as the access log reads it: one property per field, named `tollgate.<field>`.
//! Fields that do not apply are left out.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use tollgate_core::refusal::LimitReached;
use tollgate_core::settlement::Settlement;

use crate::host::publish;

thread_local! {
    /// 64 random bits, since each hasher's state has its own random keys.
    static START: u64 = RandomState::new().build_hasher().finish();
    static RECORDS: Cell<u64> = const { Cell::new(0) };
}

/// Present once a module has accounted for the request.
pub(crate) const OUTCOME: &str = "tollgate.outcome";

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

/// What identifies a settlement everywhere: which start of a VM it belongs to, and its number there.
pub(crate) fn next_id() -> String {
    let number = RECORDS.get().wrapping_add(1);
    RECORDS.set(number);
    format!("{:016x}-{number:x}", START.with(|start| *start))
}

/// Publishes who asked for what: known when a request is forwarded.
pub(crate) fn publish_request(settlement: &Settlement<'_>) {
    let tenant = settlement.tenant;
    publish_texts([
        ("tollgate.policy", Some(settlement.policy)),
        ("tollgate.api", settlement.api.map(|api| api.name())),
        (
            "tollgate.organization",
            tenant.map(|tenant| tenant.organization),
        ),
        ("tollgate.team", tenant.map(|tenant| tenant.team)),
        ("tollgate.key", tenant.map(|tenant| tenant.key)),
        ("tollgate.model_requested", settlement.model_requested),
        ("tollgate.model", settlement.model),
        ("tollgate.model_served", settlement.model_served),
        ("tollgate.target", settlement.target),
    ]);
}

/// Publishes what is held for it: Envoy writes a stream's line even if its VM traps.
pub(crate) fn publish_reservation(settlement: &Settlement<'_>, record_id: &str) {
    publish_reserved(settlement);
    publish_texts([
        ("tollgate.record_id", Some(record_id)),
        ("tollgate.price_version", settlement.price_version),
        ("tollgate.fallback_from", settlement.instead_of),
    ]);
}

/// Publishes how much is held for it, and which rules that would not fit.
pub(crate) fn publish_reserved(settlement: &Settlement<'_>) {
    if let Some(reserved) = settlement.reserved.money() {
        publish("tollgate.reserved_usd", reserved.to_string().as_bytes());
    }
    publish_passed_over(settlement);
}

fn publish_passed_over(settlement: &Settlement<'_>) {
    if !settlement.passed_over.is_empty() {
        let rules = settlement.passed_over.join(" ");
        publish("tollgate.passed_over", rules.as_bytes());
    }
}

/// Publishes what it cost.
pub(crate) fn publish_charge(settlement: &Settlement<'_>) {
    if let Some(bill) = &settlement.bill {
        publish("tollgate.charged", bill.basis.name().as_bytes());
        publish("tollgate.cost_usd", bill.cost.usd.to_string().as_bytes());
        let charged_for = bill.quantities.to_string();
        if !charged_for.is_empty() {
            publish("tollgate.charged_for", charged_for.as_bytes());
        }
    }
}

/// Publishes what became of it.
pub(crate) fn publish_result(settlement: &Settlement<'_>) {
    publish_texts([
        (OUTCOME, Some(settlement.outcome.name())),
        ("tollgate.reason", settlement.reason),
        ("tollgate.key_hash", settlement.key_hash),
        (
            "tollgate.stream",
            Some(if settlement.stream { "true" } else { "false" }),
        ),
        ("tollgate.usage", Some(settlement.usage.name())),
    ]);
    if let Some(limit) = settlement.limit {
        publish_limit(limit);
        publish_passed_over(settlement);
    }
    for (name, (_, tokens)) in TOKENS.into_iter().zip(settlement.tokens) {
        publish_number(name, tokens);
    }
    publish_number("tollgate.content_deltas", Some(settlement.content_deltas));
    let milliseconds = settlement.time_to_first_token.map(|time| time / 1_000_000);
    publish_number("tollgate.ttft_ms", milliseconds);
}

fn publish_limit(limit: &LimitReached) {
    publish_texts([
        ("tollgate.limit_rule", Some(&*limit.rule)),
        ("tollgate.limit_source", limit.source.as_deref()),
        ("tollgate.limit_unit", Some(limit.unit.name())),
    ]);
    for (name, amount) in [
        ("tollgate.limit_amount", limit.amount),
        ("tollgate.limit_requested", limit.requested),
        ("tollgate.limit_left", limit.left),
        ("tollgate.limit_held", limit.held),
    ] {
        publish(name, limit.unit.plain(amount).as_bytes());
    }
}

fn publish_texts<const N: usize>(texts: [(&str, Option<&str>); N]) {
    for (name, value) in texts {
        if let Some(value) = value {
            publish(name, value.as_bytes());
        }
    }
}

fn publish_number(name: &str, number: Option<u64>) {
    if let Some(number) = number {
        publish(name, number.to_string().as_bytes());
    }
}
