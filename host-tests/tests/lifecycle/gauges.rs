//! How budgets that many keys share stand, without a request that asks.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::Promise;
use crate::accounts::{priced_chat, reporting};
use crate::gateway::{Gateway, wait_for};
use crate::rules::{hash, secret};

pub(crate) const PROMISES: &[Promise] = &[("gauges/tell-of-shared-budgets", shared)];

fn rules() -> String {
    let hash = hash(&secret("one"));
    format!(
        "models:
  priced: {{targets: {{only: {{}}}}}}
prices:
  version: test
  models:
    priced: [{{per_million_tokens: {{input: 1, output: 1}}}}]
organizations:
  acme:
    limits: [{{budget: 0.004, per: ever}}, {{budget: 0.001, per: month, soft: true}}]
    teams:
      one:
        limits: [{{budget: 0.002, per: ever}}, {{budget: 0.002, per: month, mode: shadow}}]
        keys: {{k: {{hash: 'sha256:{hash}'}}}}
"
    )
}

fn shared(folder: &Path) -> Result<()> {
    let gateway = Gateway::with_rules(folder, &rules())?;
    gateway.serves(&priced_chat("one", 100), &reporting(1000, 0, 0))?;
    // What was reserved and not used is not in it any more, though no request has come since.
    for (rule, permille) in [
        ("organization:acme:budget/ever", 250),
        ("organization:acme:budget/month:soft", 1000),
        ("team:acme/one:budget/ever", 500),
    ] {
        wait_for(rule, || {
            let metrics = gateway.metrics()?;
            let used = metrics.total("tollgate_budget_used_permille", &[("rule", rule)]);
            Ok((used == permille).then_some(()))
        })?;
        let metrics = gateway.metrics()?;
        let since = metrics.total("tollgate_budget_counted_since_seconds", &[("rule", rule)]);
        ensure!(since > 1_700_000_000, "{rule} since {since}");
    }
    let shadow = [("rule", "team:acme/one:budget/month:shadow")];
    let metrics = gateway.metrics()?;
    ensure!(metrics.total("tollgate_budget_counted_since_seconds", &shadow) == 0);
    // Nothing is used of a budget that is no more.
    let removed = "organization:acme:budget/ever";
    gateway.edit_and_wait(&rules().replace("{budget: 0.004, per: ever}, ", ""))?;
    wait_for("a removed budget's gauge", || {
        let metrics = gateway.metrics()?;
        let used = metrics.total("tollgate_budget_used_permille", &[("rule", removed)]);
        Ok((used == 0).then_some(()))
    })?;
    gateway.audit()
}
