//! What tests of limits share: rules with one account, clients that all ask at the same time, and how
//! the account stands afterwards.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tollgate_host_tests::scenario::{Answer, Request};
use tollgate_host_tests::stage::Seen;

use crate::client::{connect, exchange};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{answer, chat_with, request};
use crate::rules::{hash, secret};

/// Millionths of a millionth of a dollar.
const PICO: u128 = 1_000_000_000_000;

/// The model `priced` (a dollar for a million input tokens, two for output), `plain`, which is
/// free, and one key in a team of its own for each of these: (name, its limits as YAML).
pub(crate) fn limited(accounts: &[(&str, &str)]) -> String {
    let team = |(name, limits): &(&str, &str)| {
        let hash = hash(&secret(name));
        format!("      {name}: {{keys: {{k: {{hash: 'sha256:{hash}', limits: [{limits}]}}}}}}\n")
    };
    let teams: String = accounts.iter().map(team).collect();
    format!(
        "models:
  plain: {{price: free, targets: {{only: {{}}}}}}
  priced: {{targets: {{only: {{}}}}}}
prices:
  version: test
  models:
    priced: [{{per_million_tokens: {{input: 1, output: 2}}}}]
organizations:
  acme:
    teams:
{teams}"
    )
}

/// A chat with the model that has prices.
pub(crate) fn priced_chat(account: &str, max_tokens: u64) -> Request {
    let body = json!({"model": "priced", "messages": [], "max_tokens": max_tokens});
    chat_with(account, body)
}

/// An answer that reports this, after a while.
pub(crate) fn reporting(prompt: u64, completion: u64, after_ms: u64) -> Answer {
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": completion});
    answer(json!({
        "before": [{"pause_ms": after_ms}],
        "body": [{"text": json!({"choices": [], "usage": usage}).to_string()}],
    }))
}

/// This many clients, each with a connection of its own, each of which sends what `next` gives for
/// its number and round until there is nothing more. All that they saw.
pub(crate) fn clients(
    gateway: &Gateway,
    count: usize,
    next: impl Fn(usize, usize) -> Option<(Request, Answer)> + Clone + Send + 'static,
) -> Result<Vec<Seen>> {
    let clients: Vec<_> = (0..count)
        .map(|number| client(gateway, number, next.clone()))
        .collect();
    let mut all = Vec::new();
    for client in clients {
        all.extend(gateway.setup.runtime.block_on(client)??);
    }
    Ok(all)
}

fn client(
    gateway: &Gateway,
    number: usize,
    next: impl Fn(usize, usize) -> Option<(Request, Answer)> + Send + 'static,
) -> JoinHandle<Result<Vec<Seen>>> {
    let (listener, upstream) = (gateway.envoy.listener, gateway.setup.upstream.clone());
    gateway.setup.runtime.spawn(async move {
        let mut seen = Vec::new();
        let mut connection = connect(listener).await?;
        for round in 0.. {
            let Some((request, answer)) = next(number, round) else {
                break;
            };
            let leaves = request.abort.is_some();
            seen.push(exchange(&upstream, &mut connection, &request, Some(&answer)).await?);
            // A refusal of this status ends the connection, and so does a client that leaves.
            let status = seen.last().and_then(|seen| seen.client.status);
            if leaves || matches!(status, Some(400)) {
                connection = connect(listener).await?;
            }
        }
        Ok(seen)
    })
}

/// How the account of a key stands.
pub(crate) fn usage(gateway: &Gateway, name: &str) -> Result<Value> {
    let authorization = format!("Bearer {}", secret(name));
    let request =
        request(json!({"path": "/v1/usage", "headers": {"authorization": authorization}}));
    let seen = gateway.ask(&request, None)?;
    ensure!(
        seen.client.status == Some(200),
        "usage: {:?}",
        seen.client.status
    );
    let mut body: Value = serde_json::from_slice(&seen.client.body)?;
    Ok(body["accounts"][0].take())
}

/// Waits until nothing is held.
pub(crate) fn settled(gateway: &Gateway, name: &str) -> Result<Value> {
    wait_for("nothing is in flight", || {
        let account = usage(gateway, name)?;
        Ok((account["in_flight"] == 0).then_some(account))
    })
}

/// The limit in this unit.
pub(crate) fn limit<'a>(account: &'a Value, unit: &str) -> Result<&'a Value> {
    let limits = account["limits"].as_array().context("no limits")?;
    let found = limits.iter().find(|limit| limit["unit"] == unit);
    found.with_context(|| format!("no limit in {unit}: {account}"))
}

/// Money as the gateway writes it, in pico-dollars.
pub(crate) fn pico(text: &Value) -> Result<u128> {
    let text = text
        .as_str()
        .with_context(|| format!("no amount: {text}"))?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<12}");
    Ok(whole.parse::<u128>()? * PICO + fraction.parse::<u128>()?)
}

/// How many have this status.
pub(crate) fn with_status(seen: &[Seen], status: u16) -> usize {
    let with = seen
        .iter()
        .filter(|seen| seen.client.status == Some(status));
    with.count()
}
