//! A VM that traps: clients get an error in their API's shape, no request slips past, the VM
//! comes back, and the other workers do not notice.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tollgate_host_tests::client::{Connection, End};
use tollgate_host_tests::scenario::{Answer, Request};
use tollgate_host_tests::stage::Seen;

use crate::Promise;
use crate::client::{connect, exchange, served, shown};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{answered, chat, held, request, streamed, streamed_chat};
use crate::rules::{PLAIN, rules, secret};
use crate::setup::{Setup, WORKERS};

pub(crate) const PROMISES: &[Promise] = &[
    ("traps/are-answered-in-the-shape-of-the-api", shapes),
    ("traps/leave-other-workers-alone", other_workers),
    ("traps/end-the-streams-of-their-worker", own_streams),
    ("traps/let-nothing-pass", nothing_passes),
];

pub(crate) const TRAPPED: usize = 0;
pub(crate) const OTHER: usize = 1;

fn start(folder: &Path) -> Result<Gateway> {
    let setup = Setup::new(folder)?.module("tollgate_trap.wasm")?;
    setup.configure(&rules(PLAIN, &["one"]))?;
    setup.start()
}

fn shapes(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    for phase in ["request_headers", "request_body", "response_headers"] {
        let at_upstream = usize::from(phase == "response_headers");
        for path in ["/v1/chat/completions", "/v1/messages"] {
            let seen = trap(&gateway, phase, path)?;
            let (shape, told) = error_shape(&seen)?;
            let expected = if path == "/v1/messages" {
                "anthropic"
            } else {
                "openai"
            };
            ensure!(
                seen.client.status == Some(503)
                    && shape == expected
                    && seen.upstream.len() == at_upstream,
                "trap in {phase} on {path}: {}",
                shown(&seen)
            );
            ensure!(told.contains("(request id: "), "no request id in {told:?}");
        }
    }
    let cut = trap(&gateway, "response_body", "/v1/chat/completions")?;
    ensure!(matches!(cut.client.end, End::Cut(_)), "{}", shown(&cut));
    served(trap(&gateway, "log", "/v1/chat/completions")?)?;
    recover(&gateway)?;
    gateway.audit()
}

fn other_workers(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    let stream = gateway.fly_on(
        connection_on(&gateway, OTHER)?,
        &streamed_chat("one", "plain"),
        Some(&streamed()),
    )?;
    gateway.arrived(&stream)?;
    let mut kept = connection_on(&gateway, OTHER)?;
    for _ in 0..5 {
        trap(&gateway, "request_body", "/v1/chat/completions")?;
        served(ask_on(&gateway, &mut kept, &chat("one", "plain"))?)?;
    }
    stream.resume();
    served(gateway.land(stream)?)?;
    Ok(())
}

fn own_streams(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    let fly = |request: Request, answer: Answer| {
        let connection = connection_on(&gateway, TRAPPED)?;
        let flight = gateway.fly_on(connection, &request, Some(&answer))?;
        gateway.arrived(&flight).map(|()| flight)
    };
    let stream = fly(streamed_chat("one", "plain"), streamed())?;
    let waiting = fly(chat("one", "plain"), held())?;
    trap(&gateway, "request_headers", "/v1/chat/completions")?;
    stream.resume();
    waiting.resume();
    let stream = gateway.land(stream)?;
    ensure!(
        matches!(stream.client.end, End::Cut(_)),
        "{}",
        shown(&stream)
    );
    let waiting = gateway.land(waiting)?;
    ensure!(waiting.client.status == Some(503), "{}", shown(&waiting));
    ensure!(error_shape(&waiting)?.0 == "openai", "{}", shown(&waiting));
    recover(&gateway)
}

/// Until the VM is back requests are refused, whoever sends them.
fn nothing_passes(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    let stranger = chat("nobody", "plain");
    for _ in 0..5 {
        trap(&gateway, "request_headers", "/v1/chat/completions")?;
        for _ in 0..5 {
            let mut connection = connection_on(&gateway, TRAPPED)?;
            let seen = ask_on(&gateway, &mut connection, &stranger)?;
            let refused = matches!(seen.client.status, Some(401 | 503));
            ensure!(refused && seen.upstream.is_empty(), "{}", shown(&seen));
        }
    }
    Ok(())
}

/// Traps the VM of one worker, once it is alive.
fn trap(gateway: &Gateway, phase: &str, path: &str) -> Result<Seen> {
    recover(gateway)?;
    let mut connection = connection_on(gateway, TRAPPED)?;
    ask_on(gateway, &mut connection, &trapping("one", phase, path))
}

/// A request of this team that traps there.
pub(crate) fn trapping(team: &str, phase: &str, path: &str) -> Request {
    let authorization = format!("Bearer {}", secret(team));
    request(json!({
        "path": path,
        "headers": {"authorization": authorization, "x-trap": phase, "content-type": "application/json"},
        "body": {"text": r#"{"model":"plain","max_tokens":1,"messages":[]}"#},
    }))
}

/// Waits until the worker serves (again). Until then it says 503 and nothing else.
fn recover(gateway: &Gateway) -> Result<()> {
    wait_for("a trapped VM is back", || {
        let mut connection = connection_on(gateway, TRAPPED)?;
        let seen = ask_on(gateway, &mut connection, &chat("one", "plain"))?;
        match seen.client.status {
            Some(200) => served(seen).map(|_| Some(())),
            Some(503) if seen.upstream.is_empty() => Ok(None),
            _ => anyhow::bail!("{}", shown(&seen)),
        }
    })
}

pub(crate) fn ask_on(
    gateway: &Gateway,
    connection: &mut Connection,
    request: &Request,
) -> Result<Seen> {
    let setup = &gateway.setup;
    let answer = answered();
    setup.runtime.block_on(exchange(
        &setup.upstream,
        connection,
        request,
        Some(&answer),
    ))
}

/// Opens connections until the kernel gives one to this worker.
pub(crate) fn connection_on(gateway: &Gateway, worker: usize) -> Result<Connection> {
    const MOST: usize = 64;
    for _ in 0..MOST {
        let before = accepted(gateway)?;
        let connection = gateway
            .setup
            .runtime
            .block_on(connect(gateway.envoy.listener))?;
        let taker = wait_for("a worker takes a connection", || {
            let now = accepted(gateway)?;
            Ok((0..WORKERS).find(|&worker| now[worker] > before[worker]))
        })?;
        if taker == worker {
            return Ok(connection);
        }
    }
    anyhow::bail!("no connection of {MOST} went to worker {worker}")
}

/// How many connections each worker has taken so far.
fn accepted(gateway: &Gateway) -> Result<[u64; WORKERS]> {
    let stats = gateway.stats("worker_")?;
    let mut accepted = [0; WORKERS];
    for (worker, accepted) in accepted.iter_mut().enumerate() {
        let part = format!("worker_{worker}.downstream_cx_total: ");
        let value = stats.lines().find_map(|line| line.split_once(&part));
        let (_, value) = value.with_context(|| format!("no {part} in {stats:?}"))?;
        *accepted = value.parse()?;
    }
    Ok(accepted)
}

/// Which API's shape an error has, and its message.
fn error_shape(seen: &Seen) -> Result<(&'static str, String)> {
    let content_type = seen.client.headers.value("content-type");
    ensure!(
        content_type.as_deref() == Some(b"application/json"),
        "content-type {content_type:?}"
    );
    let body: Value = serde_json::from_slice(&seen.client.body)
        .with_context(|| format!("not JSON: {}", shown(seen)))?;
    let message = body["error"]["message"].as_str();
    let message = message.context("the error has no message")?.to_owned();
    let anthropic = body["type"] == "error" && body["request_id"].is_string();
    let openai = body["error"]["code"].is_string() && body["error"]["param"].is_null();
    match (anthropic, openai) {
        (true, false) => Ok(("anthropic", message)),
        (false, true) => Ok(("openai", message)),
        _ => anyhow::bail!("an error of no API's shape: {body}"),
    }
}
