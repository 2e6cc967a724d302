//! Answers that say what they cost: short ones that are not streamed, where the rules ask for it.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;
use tollgate_host_tests::client::End;
use tollgate_host_tests::scenario::{Answer, Request};

use crate::Promise;
use crate::accounts::{limited, priced_chat, reporting, settled};
use crate::gateway::Gateway;
use crate::messages::{answer, chat_with, stream_at_once};
use crate::setup::Setup;

pub(crate) const PROMISES: &[Promise] = &[
    ("cost-header/is-on-short-answers", told),
    ("cost-header/is-on-answers-that-end-with-trailers", trailers),
];

const BUDGET: &[(&str, &str)] = &[("one", "{budget: 1000, per: ever}")];

/// The header of the answer, which must be whole.
fn cost(gateway: &Gateway, request: &Request, answer: &Answer) -> Result<Option<String>> {
    let seen = gateway.serves(request, answer)?;
    let cost = seen.client.headers.value("x-tollgate-cost");
    Ok(cost.map(|cost| String::from_utf8_lossy(&cost).into_owned()))
}

/// A report behind so many bytes of content, with a length or without.
fn long(content: usize, framing: &str) -> Answer {
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 500});
    let body = json!({"choices": "x".repeat(content), "usage": usage}).to_string();
    answer(json!({"framing": framing, "body": [{"text": body}]}))
}

fn told(folder: &Path) -> Result<()> {
    let rules = limited(BUDGET);
    let gateway = Gateway::with_rules(folder, &rules)?;
    let chat = priced_chat("one", 100);
    let report = || reporting(1000, 500, 0);
    ensure!(
        cost(&gateway, &chat, &report())?.is_none(),
        "off by default"
    );

    gateway.edit_and_wait(&format!("cost_header: true\n{rules}"))?;
    for (answer, expected) in [
        (report(), Some("0.002")),
        (long(200_000, "length"), Some("0.002")),
        (long(300_000, "length"), None),
        (long(10, "chunked"), None),
    ] {
        let cost = cost(&gateway, &chat, &answer)?;
        ensure!(cost.as_deref() == expected, "{cost:?}, not {expected:?}");
    }
    let stream = chat_with(
        "one",
        json!({"model": "priced", "messages": [], "stream": true}),
    );
    ensure!(cost(&gateway, &stream, &stream_at_once())?.is_none());

    // An answer that breaks off while it is held leaves nothing behind.
    let broken = answer(json!({
        "headers": {"content-length": "1000"},
        "framing": "as_written",
        "body": [{"text": "{\"choices\":"}, "close"],
    }));
    let seen = gateway.ask(&chat, Some(&broken))?;
    ensure!(seen.client.status != Some(200) || seen.client.end != End::Complete);
    settled(&gateway, "one")?;
    gateway.audit()
}

/// All of such an answer is held when its trailers come.
fn trailers(folder: &Path) -> Result<()> {
    let setup = Setup::with_http2(folder)?;
    setup.configure(&format!("cost_header: true\n{}", limited(BUDGET)))?;
    let gateway = setup.start()?;
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 500});
    let body = json!({"choices": [], "usage": usage}).to_string();
    let answer = answer(json!({
        "framing": "length", "body": [{"text": body}], "trailers": {"x-end": "1"},
    }));
    let cost = cost(&gateway, &priced_chat("one", 1000), &answer)?;
    ensure!(cost.as_deref() == Some("0.002"), "{cost:?}");
    let record = gateway.record("charged", "reported")?;
    ensure!(record["cost_usd"] == "0.002", "{record}");
    gateway.audit()
}
