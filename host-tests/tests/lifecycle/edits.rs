//! Policy edits while requests run: `tollgate envoy-config` writes into the folder that Envoy
//! reads, and nothing else happens.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tollgate_host_tests::scenario::Request;
use tollgate_host_tests::stage::Seen;

use crate::Promise;
use crate::client::{Client, connect, exchange, refused, served, shown};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{USAGE_EVENT, answered, chat, request, streamed, streamed_chat};
use crate::rules::{PLAIN, rules, secret};
use crate::setup::Setup;

pub(crate) const PROMISES: &[Promise] = &[
    ("edits/are-live-on-a-connection-that-stays", live),
    (
        "edits/leave-streams-under-the-rules-they-began-with",
        streams,
    ),
    (
        "edits/leave-uploads-under-the-rules-they-began-with",
        uploads,
    ),
    ("edits/under-load-fail-no-request", load),
];

/// A model and the name that its upstream knows it by.
fn served_as(name: &str) -> String {
    format!("{PLAIN}  renamed: {{price: free, targets: {{only: {{model: {name}}}}}}}\n")
}

fn live(folder: &Path) -> Result<()> {
    let file = folder.join("pool-secret");
    std::fs::write(&file, "upstream-secret-pool")?;
    let mut credential = std::ffi::OsString::from("pool=");
    credential.push(&file);
    let setup = Setup::new(folder)?.argument("--credential", credential);
    setup.configure(&rules(&served_as("before"), &["one", "two"]))?;
    let gateway = setup.start()?;
    let mut client = gateway.client()?;
    let answer = answered();
    served(client.ask(&chat("two", "plain"), Some(&answer))?)?;

    gateway.edit(&rules(&served_as("before"), &["one"]))?;
    until(&mut client, &list_models("two"), 401)?;

    gateway.edit(&rules(&served_as("after"), &["one"]))?;
    wait_for("the new name at the upstream", || {
        let seen = served(client.ask(&chat("one", "renamed"), Some(&answer))?)?;
        let body: Value = serde_json::from_slice(&seen.upstream[0].body)?;
        match body["model"].as_str() {
            Some("before") => Ok(None),
            Some("after") => Ok(Some(())),
            other => bail!("the upstream was asked for {other:?}"),
        }
    })?;

    let fresh = "  fresh: {price: free, targets: {only: {upstreams: [west], credential: pool}}}\n";
    gateway.edit(&rules(&(served_as("after") + fresh), &["one"]))?;
    let seen = until(&mut client, &chat("one", "fresh"), 200)?;
    let request = seen.upstream.first().context("nothing at the upstream")?;
    let sent = request.headers.value("authorization");
    ensure!(
        request.at == "west" && sent.as_deref() == Some(b"Bearer upstream-secret-pool"),
        "at {} with {sent:?}",
        request.at
    );

    gateway.edit(&rules(PLAIN, &["one", "two"]))?;
    until(&mut client, &list_models("two"), 200)?;
    until(&mut client, &chat("one", "fresh"), 404)?;
    not_drained(&gateway)?;
    gateway.audit()
}

/// Asks on one connection until the answer has this status. Before it, what was so far holds:
/// served, or refused by the module.
fn until(client: &mut Client<'_>, request: &Request, status: u16) -> Result<Seen> {
    wait_for(&format!("status {status}"), || {
        let seen = client.ask(request, Some(&answered()))?;
        ensure!(
            matches!(seen.client.status, Some(200 | 401 | 404)),
            "while the edit comes into force: {}",
            shown(&seen)
        );
        Ok((seen.client.status == Some(status)).then_some(seen))
    })
}

/// Has no body: a request that is refused before its body is read costs its connection.
fn list_models(team: &str) -> Request {
    let authorization = format!("Bearer {}", secret(team));
    request(json!({"path": "/v1/models", "headers": {"authorization": authorization}}))
}

fn streams(folder: &Path) -> Result<()> {
    let models =
        format!("{PLAIN}  leaving: {{price: free, targets: {{only: {{upstreams: [east]}}}}}}\n");
    let gateway = Gateway::with_rules(folder, &rules(&models, &["one", "two"]))?;
    let began_under = gateway.policy()?;
    let answer = streamed();
    let stream = gateway.fly(&streamed_chat("two", "leaving"), Some(&answer))?;
    gateway.arrived(&stream)?;
    // Its key and its model go with the first edit, its cluster with the second.
    gateway.edit_and_wait(&rules(PLAIN, &["one"]))?;
    refused(
        gateway.ask(&streamed_chat("two", "plain"), None)?,
        401,
        "invalid_api_key",
    )?;
    gateway.edit_and_wait(&rules(PLAIN, &["one", "three"]))?;
    wait_for("the stream's cluster is gone", || {
        Ok((gateway.stat("cluster_manager.cluster_removed")? > 0).then_some(()))
    })?;
    ensure!(!stream.is_over(), "the stream ended early");
    stream.resume();
    let seen = served(gateway.land(stream)?)?;

    let sent = String::from_utf8(answer.bytes())?;
    ensure!(
        seen.client.body == sent.replace(USAGE_EVENT, "").into_bytes(),
        "{}",
        shown(&seen)
    );
    let record = gateway.record("model", "leaving")?;
    for (field, value) in [
        ("policy", json!(began_under)),
        ("team", json!("two")),
        ("outcome", json!("ok")),
        ("tokens_prompt", json!(crate::messages::PROMPT_TOKENS)),
    ] {
        ensure!(record[field] == value, "{field}: {}", record[field]);
    }
    not_drained(&gateway)?;
    gateway.audit()
}

fn uploads(folder: &Path) -> Result<()> {
    let models =
        format!("{PLAIN}  leaving: {{price: free, targets: {{only: {{upstreams: [east]}}}}}}\n");
    let gateway = Gateway::with_rules(folder, &rules(&models, &["one", "two"]))?;
    let mut slow = chat("two", "leaving");
    // The rest comes piece by piece, for as long as the edit may take.
    slow.splits = vec![1; 200];
    let upload = gateway.fly(&slow, Some(&answered()))?;
    wait_for("the upload has begun", || {
        Ok((gateway.stat("http.tollgate.downstream_rq_active")? > 0).then_some(()))
    })?;
    gateway.edit_and_wait(&rules(PLAIN, &["one"]))?;
    let in_time = !upload.is_over();
    let seen = served(gateway.land(upload)?)?;
    ensure!(in_time, "the upload ended before the edit was in force");
    ensure!(seen.upstream[0].at == "east", "at {}", seen.upstream[0].at);
    refused(
        gateway.ask(&chat("two", "plain"), None)?,
        401,
        "invalid_api_key",
    )?;
    Ok(())
}

fn load(folder: &Path) -> Result<()> {
    const CLIENTS: usize = 4;
    let gateway = Gateway::with_rules(folder, &rules(&served_as("0"), &["one"]))?;
    let ended = Arc::new(AtomicBool::new(false));
    let clients = (0..CLIENTS).map(|_| steady(&gateway, ended.clone()));
    let clients: Vec<_> = clients.collect::<Result<_>>()?;
    for edit in 1..=8 {
        let moved = match edit % 2 {
            0 => served_as(&edit.to_string()),
            _ => served_as(&edit.to_string()).replace("only: {}", "only: {upstreams: [east]}"),
        };
        let teams = ["one", "two"];
        gateway.edit_and_wait(&rules(&moved, &teams[..1 + edit % 2]))?;
    }
    ended.store(true, Ordering::Relaxed);
    let mut requests = 0;
    for client in clients {
        requests += gateway.setup.runtime.block_on(client)??;
    }
    ensure!(requests > 100, "{requests} requests are no load");
    not_drained(&gateway)?;
    gateway.audit()
}

/// A client that asks again and again on one connection and is served each time; gives how often.
fn steady(gateway: &Gateway, ended: Arc<AtomicBool>) -> Result<JoinHandle<Result<usize>>> {
    let mut connection = gateway
        .setup
        .runtime
        .block_on(connect(gateway.envoy.listener))?;
    let upstream = gateway.setup.upstream.clone();
    Ok(gateway.setup.runtime.spawn(async move {
        let mut requests = 0;
        while !ended.load(Ordering::Relaxed) {
            let model = ["plain", "renamed"][requests % 2];
            let answer = answered();
            let request = chat("one", model);
            let seen = exchange(&upstream, &mut connection, &request, Some(&answer)).await;
            served(seen?).with_context(|| format!("request {requests} under load"))?;
            requests += 1;
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        Ok(requests)
    }))
}

pub(crate) fn not_drained(gateway: &Gateway) -> Result<()> {
    for stat in [
        "listener_manager.listener_in_place_updated",
        "listener_manager.listener_modified",
        "listener_manager.total_listeners_draining",
    ] {
        let value = gateway.stat(stat)?;
        ensure!(value == 0, "{stat} is {value}");
    }
    Ok(())
}
