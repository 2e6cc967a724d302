//! Streams that make more than what is reserved for them: others see it while they run, and where the
//! rule says so they end.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tollgate_host_tests::client::End;
use tollgate_host_tests::scenario::{Answer, Request};

use crate::Promise;
use crate::accounts::{limit, limited, pico, settled, usage};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{answer, chat_with};

pub(crate) const PROMISES: &[Promise] = &[
    ("overruns/are-reserved-while-a-stream-runs", reserved),
    ("overruns/end-a-stream-where-the-rule-says-so", cut),
];

/// Longer than any test.
const UNTIL_RESUMED_MS: u64 = 600_000;

fn chat() -> Request {
    let body = json!({"model": "priced", "messages": [], "stream": true});
    chat_with("one", body)
}

/// So many events, in pieces of 50, then nothing until the test resumes it.
fn endless(events: usize) -> Answer {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let piece = json!({"text": event.repeat(50)});
    let mut body = Vec::new();
    for _ in 0..events / 50 {
        body.push(piece.clone());
        body.push(json!({"pause_ms": 2}));
    }
    body.push(json!({"pause_ms": UNTIL_RESUMED_MS}));
    body.push(json!({"text": "data: [DONE]\n\n"}));
    answer(json!({
        "headers": {"content-type": "text/event-stream"},
        "framing": "chunked",
        "body": body,
    }))
}

fn reserved(folder: &Path) -> Result<()> {
    let gateway = Gateway::with_rules(folder, &limited(&[("one", "{budget: 1, per: ever}")]))?;
    let flight = gateway.fly(&chat(), Some(&endless(3000)))?;
    let spent = || -> Result<u128> {
        let account = usage(&gateway, "one")?;
        Ok(1_000_000_000_000 - pico(&limit(&account, "usd")?["left"])?)
    };
    // 1,024 output tokens are usual for a model that nothing is known of; 3,000 at two dollars for a
    // million are 0.006.
    wait_for("what was made is reserved", || {
        Ok((spent()? > 6_000_000_000).then_some(()))
    })?;
    ensure!(spent()? < 7_000_000_000, "{} are reserved", spent()?);
    flight.resume();
    let seen = gateway.land(flight)?;
    ensure!(seen.client.end == End::Complete, "{:?}", seen.client.end);
    let account = settled(&gateway, "one")?;
    let left = pico(&limit(&account, "usd")?["left"])?;
    let cost = pico(&gateway.record("model", "priced")?["cost_usd"])?;
    ensure!(left == 1_000_000_000_000 - cost, "{left} left after {cost}");
    gateway.audit()
}

fn cut(folder: &Path) -> Result<()> {
    let rules = limited(&[("one", "{budget: 0.004, per: ever, on_overrun: cut}")]);
    let gateway = Gateway::with_rules(folder, &rules)?;
    // The upstream never ends by itself.
    let seen = gateway.ask(&chat(), Some(&endless(4000)))?;
    let body = String::from_utf8(seen.client.body)?;
    let events = body.matches("\"delta\"").count();
    ensure!(seen.client.status == Some(200), "{:?}", seen.client.status);
    ensure!((1500..2100).contains(&events), "{events} events");
    let last = body.trim_end().rsplit_once("\n\n").map_or("", |(_, l)| l);
    let error: Value = serde_json::from_str(last.trim_start_matches("data: "))?;
    ensure!(error["error"]["code"] == "insufficient_quota", "{last}");

    let record = gateway.record("outcome", "interrupted")?;
    ensure!(record["reason"] == "insufficient_quota", "{record}");
    ensure!(
        record["limit_rule"] == "key:acme/one/k:budget/ever",
        "{record}"
    );
    ensure!(record["charged"] == "counted", "{record}");
    let account = settled(&gateway, "one")?;
    ensure!(limit(&account, "usd")?["held"] == "0", "{account}");
    let metrics = gateway.metrics()?;
    let labels = [("rule", "key:acme/one/*:budget/ever"), ("did", "cut")];
    let cuts = metrics.total("tollgate_limit_reached_total", &labels);
    ensure!(cuts == 1, "{cuts} cuts are counted");
    let refusals = metrics.total("tollgate_refusals_total", &[]);
    ensure!(refusals == 0, "{refusals} refusals are counted");
    wait_for("the upstream works for nobody", || {
        let active = gateway.stat("cluster.default.upstream_rq_active")?;
        Ok((active == 0).then_some(()))
    })?;
    gateway.audit()
}
