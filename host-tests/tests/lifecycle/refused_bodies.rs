//! A refused body is let go at once, even if its client does not take the answer.

use std::path::Path;

use anyhow::{Result, ensure};
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{Method, Request, StatusCode};

use crate::Promise;
use crate::client::connect_without_window;
use crate::gateway::Gateway;
use crate::messages::{answered, chat};
use crate::rules::{PLAIN, rules, secret};

pub(crate) const PROMISES: &[Promise] = &[("refused-bodies/are-not-held", not_held)];

const BODIES: usize = 16;
const LENGTH: usize = 8 << 20;
/// What Envoy may keep of all of them, in bytes: one body that it has not freed yet, and connections.
const KEPT: u64 = 2 * LENGTH as u64;

fn not_held(folder: &Path) -> Result<()> {
    let gateway = Gateway::with_rules(folder, &rules(PLAIN, &["one"]))?;
    gateway.serves(&chat("one", "plain"), &answered())?;
    for (model, status) in [
        ("\"unknown\"", StatusCode::NOT_FOUND),
        ("7", StatusCode::BAD_REQUEST),
    ] {
        let heap = gateway.heap()?;
        let untaken = gateway
            .setup
            .runtime
            .block_on(refused(&gateway, model, status))?;
        let grown = gateway.heap()?.saturating_sub(heap);
        ensure!(
            grown <= KEPT,
            "{status}: the heap grew by {} MiB",
            grown >> 20
        );
        drop(untaken);
    }
    gateway.serves(&chat("one", "plain"), &answered())?;
    gateway.audit()
}

/// The connection and its streams, whose answers can't come.
async fn refused(
    gateway: &Gateway,
    model: &str,
    status: StatusCode,
) -> Result<(SendRequest<Bytes>, Vec<RecvStream>)> {
    let mut sender = connect_without_window(gateway.envoy.listener).await?;
    let body = format!(r#"{{"model":{model},"text":"{}"}}"#, "x".repeat(LENGTH));
    let body = Bytes::from(body);
    let mut answers = Vec::new();
    for _ in 0..BODIES {
        sender = sender.ready().await?;
        let request = Request::builder()
            .method(Method::POST)
            .uri("http://tollgate/v1/chat/completions")
            .header("authorization", format!("Bearer {}", secret("one")))
            .header("content-type", "application/json")
            .body(())?;
        let (answer, mut sending) = sender.send_request(request, false)?;
        sending.send_data(body.clone(), true)?;
        let answer = answer.await?;
        ensure!(answer.status() == status, "answered {}", answer.status());
        answers.push(answer.into_body());
    }
    Ok((sender, answers))
}
