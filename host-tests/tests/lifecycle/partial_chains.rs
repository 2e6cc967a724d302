//! Chains in which a module is missing, or knows less than the one before it: what can't be held to its
//! limits is refused.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::Promise;
use crate::accounts::{limited, priced_chat, reporting};
use crate::client::refused;
use crate::gateway::{Gateway, wait_for};
use crate::messages::chat_with;
use crate::modules::{CHAIN, start};

pub(crate) const PROMISES: &[Promise] = &[
    (
        "partial-chains/without-a-router-limit-by-the-name-given",
        no_router,
    ),
    (
        "partial-chains/without-keys-refuse-where-keys-have-limits",
        no_keys,
    ),
    (
        "partial-chains/refuse-a-model-that-they-do-not-know-yet",
        skew,
    ),
];

const BUDGET: &str = "{budget: 0.003, per: ever}";

fn no_router(folder: &Path) -> Result<()> {
    let [key_auth, _, rate_limit, budget, _] = CHAIN;
    let rules = limited(&[("one", BUDGET)]);
    let gateway = start(folder, &rules, &[key_auth, rate_limit, budget])?;
    let chat = priced_chat("one", 700);
    gateway.serves(&chat, &reporting(1000, 700, 0))?;
    refused(gateway.ask(&chat, None)?, 403, "insufficient_quota")?;
    let unknown = chat_with("one", json!({"model": "unknown", "messages": []}));
    refused(gateway.ask(&unknown, None)?, 404, "model_not_found")?;
    Ok(())
}

fn no_keys(folder: &Path) -> Result<()> {
    let [_, model_router, rate_limit, budget, _] = CHAIN;
    let rules = limited(&[("one", BUDGET)]);
    let gateway = start(folder, &rules, &[model_router, rate_limit, budget])?;
    refused(
        gateway.ask(&priced_chat("one", 700), None)?,
        401,
        "invalid_api_key",
    )?;
    Ok(())
}

/// The router knows a new model before the budget does.
fn skew(folder: &Path) -> Result<()> {
    let before = limited(&[("one", BUDGET)]);
    let gateway = start(folder, &before, &CHAIN)?;
    let after = before
        .replace(
            "  priced: {targets",
            "  newer: {targets: {only: {}}}\n  priced: {targets",
        )
        .replace(
            "    priced: [{",
            "    newer: [{per_million_tokens: {input: 1, output: 2}}]\n    priced: [{",
        );
    ensure!(after != before, "no new model");
    gateway.edit(&after)?;
    for module in ["key-auth", "model-router"] {
        exchange(&gateway, module)?;
    }
    let newer = chat_with(
        "one",
        json!({"model": "newer", "messages": [], "max_tokens": 10}),
    );
    wait_for(
        "the router knows the model and the budget refuses it",
        || {
            let seen = gateway.ask(&newer, None)?;
            ensure!(seen.upstream.is_empty(), "it was served");
            Ok((seen.client.status == Some(503)).then_some(()))
        },
    )?;
    refused(gateway.ask(&newer, None)?, 503, "gateway_not_ready")?;
    Ok(())
}

/// Gives one module of the chain the policy that was written last.
pub(crate) fn exchange(gateway: &Gateway, module: &str) -> Result<()> {
    let policy = "/resources/0/typed_config/config/configuration";
    let edited = gateway.setup.read("module.json")?;
    let edited = edited.pointer(policy).context("no policy")?;
    let file = format!("{module}.json");
    let mut discovered = gateway.setup.read(&file)?;
    *discovered.pointer_mut(policy).context("no policy")? = edited.clone();
    gateway.setup.swap(&file, &discovered.to_string())
}
