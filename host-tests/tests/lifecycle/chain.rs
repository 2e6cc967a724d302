//! key-auth → model-router → rate-limit → budget → token-meter in one Envoy: clients, upstreams, the access log and
//! the metrics see the same as with the gateway module.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tollgate_host_tests::scenario::{Abort, Answer, Request};
use tollgate_host_tests::stage::Seen;

use crate::Promise;
use crate::accounts::{limited, priced_chat, reporting};
use crate::client::{refused, served, shown};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{answered, chat, held, request, stream_at_once, streamed_chat};
use crate::modules::{CHAIN, ROUTED, start};
use crate::partial_chains::exchange;
use crate::rules::{PLAIN, hash, rules, secret};

pub(crate) const PROMISES: &[Promise] = &[
    ("chain/is-seen-as-the-gateway-is", |folder| {
        same(folder, seen)
    }),
    ("chain/is-logged-as-the-gateway-is", |folder| {
        same(folder, logged)
    }),
    ("chain/is-counted-as-the-gateway-is", |folder| {
        same(folder, counted)
    }),
    ("chain/never-serves-more-than-each-policy-allows", edit),
    ("chain/holds-accounts-to-rates-and-to-budgets", limits),
];

/// One module refuses by what is asked, the other by what it costs, and each counts by itself.
fn limits(folder: &Path) -> Result<()> {
    let limits = "{requests: 3, per: day}, {concurrency: 1}, {budget: 0.0025, per: ever}";
    let rules = limited(&[("one", limits), ("two", "{max_output: 5}")]);
    let gateway = start(folder, &rules, &CHAIN)?;
    let request = priced_chat("one", 600);
    let seen = served(gateway.ask(&request, Some(&reporting(1000, 700, 0)))?)?;
    let left = seen.client.headers.value("x-ratelimit-remaining-requests");
    ensure!(left.as_deref() == Some(b"2"), "{left:?} requests left");
    let record = gateway.record("model", "priced")?;
    ensure!(
        record["cost_usd"] == "0.0024" && record["charged"] == "reported",
        "{record}"
    );
    refused(gateway.ask(&request, None)?, 403, "insufficient_quota")?;
    let small = priced_chat("one", 10);
    served(gateway.ask(&small, Some(&reporting(1, 1, 0)))?)?;
    refused(gateway.ask(&small, None)?, 429, "rate_limit_exceeded")?;
    let seen = served(gateway.ask(&chat("two", "plain"), Some(&answered()))?)?;
    let body: Value = serde_json::from_slice(&seen.upstream[0].body)?;
    ensure!(body["max_completion_tokens"] == 5, "{body}");
    Ok(())
}

/// While an edit comes into force, one module may know a key that the next one does not.
fn edit(folder: &Path) -> Result<()> {
    let models = format!("{PLAIN}  reserved: {{price: free, targets: {{only: {{}}}}}}\n");
    let before = rules(&models, &["one"]);
    let gateway = start(folder, &before, &CHAIN)?;
    gateway.edit(&(before + &narrow()))?;
    exchange(&gateway, "key-auth")?;
    let version = gateway.setup.version()?;
    let mut in_a_row = 0;
    wait_for("key-auth knows the key on every worker", || {
        in_a_row = if gateway.policy()? == version {
            in_a_row + 1
        } else {
            0
        };
        let seen = gateway.ask(&chat("narrow", "reserved"), Some(&answered()))?;
        ensure!(
            seen.upstream.is_empty(),
            "a key that may use one model was served another: {}",
            shown(&seen)
        );
        Ok((in_a_row == 10).then_some(()))
    })
}

/// A team whose key may use one model.
fn narrow() -> String {
    let hash = hash(&secret("narrow"));
    format!("      narrow: {{models: [plain], keys: {{k: {{hash: 'sha256:{hash}'}}}}}}\n")
}

/// Until the last request's metrics are published.
const SETTLE: Duration = Duration::from_secs(1);

/// What was observed, by what it was observed of.
type Observed = BTreeMap<String, String>;

fn same(folder: &Path, observe: fn(&Gateway) -> Result<Observed>) -> Result<()> {
    let models = format!("{PLAIN}{ROUTED}  reserved: {{price: free, targets: {{only: {{}}}}}}\n");
    let rules = rules(&models, &["one", "two"]) + &narrow();
    let expected = observe(&Gateway::with_rules(&folder.join("gateway"), &rules)?)?;
    let seen = observe(&start(folder, &rules, &CHAIN)?)?;
    let mut differences = String::new();
    for (of, expected) in &expected {
        match seen.get(of) {
            Some(seen) if seen == expected => {}
            seen => writeln!(
                differences,
                "{of}:\n  gateway {expected}\n  chain   {seen:?}"
            )?,
        }
    }
    for (of, seen) in seen.iter().filter(|(of, _)| !expected.contains_key(*of)) {
        writeln!(differences, "{of}:\n  gateway has none\n  chain   {seen}")?;
    }
    ensure!(differences.is_empty(), "\n{differences}");
    Ok(())
}

fn cases() -> Vec<(&'static str, Request, Answer)> {
    let keyed = |path: &str| {
        let headers = json!({"authorization": format!("Bearer {}", secret("one"))});
        request(json!({"path": path, "headers": headers}))
    };
    let mut invalid = chat("one", "plain");
    invalid.body = request(json!({"body": {"text": "{"}})).body;
    let mut hostile = chat("one", "alias");
    hostile.headers.push("x-tollgate-cluster", "west");
    hostile
        .headers
        .push("x-gateway-inference-fairness-id", "others");
    hostile.headers.push("accept-encoding", "gzip");
    let mut leaving = chat("one", "plain");
    leaving.abort = Some(Abort::AfterMs(100));
    vec![
        ("chat", chat("one", "plain"), answered()),
        ("routed", hostile, answered()),
        ("stream", streamed_chat("two", "alias"), stream_at_once()),
        ("unknown key", chat("nobody", "plain"), answered()),
        ("unknown model", chat("one", "absent"), answered()),
        ("model not allowed", chat("narrow", "reserved"), answered()),
        ("invalid JSON", invalid, answered()),
        ("unknown path", keyed("/v1/files"), answered()),
        ("wrong method", keyed("/v1/chat/completions"), answered()),
        ("list of models", keyed("/v1/models"), answered()),
        ("a model", keyed("/v1/models/alias"), answered()),
        ("client leaves", leaving, held()),
    ]
}

fn seen(gateway: &Gateway) -> Result<Observed> {
    let mut observed = Observed::new();
    for (name, request, answer) in cases() {
        let seen = gateway.ask(&request, Some(&answer))?;
        let client = &seen.client;
        let mut tell =
            |what: &str, value: String| observed.insert(format!("{name}: {what}"), value);
        tell("status", format!("{:?}", client.status));
        tell("content-type", text(client.headers.value("content-type")));
        tell("body", without_request_id(&client.body));
        tell("requests upstream", seen.upstream.len().to_string());
        if let Some(upstream) = seen.upstream.first() {
            tell(
                "upstream",
                format!("{} {} at {}", upstream.method, upstream.path, upstream.at),
            );
            tell("upstream's headers", headers(&seen));
            tell("upstream's body", upstream.body.escape_ascii().to_string());
        }
    }
    gateway.audit()?;
    Ok(observed)
}

/// Those that differ from request to request apart.
fn headers(seen: &Seen) -> String {
    let varies = ["host", "x-request-id", "x-scenario"];
    let fields = seen.upstream.iter().flat_map(|request| &request.headers.0);
    let fields = fields.filter(|(name, _)| !varies.contains(&name.as_str()));
    let mut lines: Vec<_> = fields
        .map(|(name, value)| format!("{name}: {}", value.escape_ascii()))
        .collect();
    lines.sort();
    lines.join(", ")
}

fn text(value: Option<Vec<u8>>) -> String {
    value.map_or("none".to_owned(), |value| value.escape_ascii().to_string())
}

fn without_request_id(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    match text.split_once("(request id: ") {
        Some((before, after)) => match after.split_once(')') {
            Some((_, after)) => format!("{before}{after}"),
            None => text,
        },
        None => text,
    }
}

fn logged(gateway: &Gateway) -> Result<Observed> {
    const VARIES: [&str; 8] = [
        "time",
        "request_id",
        "duration_ms",
        "bytes_sent",
        "bytes_received",
        "upstream",
        "ttft_ms",
        "source",
    ];
    let mut observed = Observed::new();
    for (number, (name, request, answer)) in cases().into_iter().enumerate() {
        gateway.ask(&request, Some(&answer))?;
        let record = record(gateway, number)?;
        for (field, value) in record.as_object().into_iter().flatten() {
            if !VARIES.contains(&field.as_str()) {
                observed.insert(format!("{name}: {field}"), value.to_string());
            }
        }
    }
    Ok(observed)
}

/// The access log's record of the request with this number, probes not counted.
fn record(gateway: &Gateway, number: usize) -> Result<Value> {
    wait_for(&format!("record {number}"), || {
        let records = gateway.records()?.into_iter();
        let no_probe = |record: &Value| record["path"] != "/readyz";
        Ok(records.filter(no_probe).nth(number))
    })
}

fn counted(gateway: &Gateway) -> Result<Observed> {
    for (_, request, answer) in cases() {
        gateway.ask(&request, Some(&answer))?;
    }
    std::thread::sleep(SETTLE);
    let counters = gateway.metrics()?.counters().into_iter();
    Ok(counters
        .map(|(series, value)| (series, value.to_string()))
        .collect())
}
