//! Clients without a key who take no answers can not keep memory from others.

use std::path::Path;

use anyhow::{Result, ensure};
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderValue, Method, Request, StatusCode};

use crate::Promise;
use crate::client::connect_without_window;
use crate::gateway::{Gateway, wait_for};
use crate::messages::{answered, chat};
use crate::rules::{PLAIN, rules};
use crate::setup::Setup;

pub(crate) const PROMISES: &[Promise] = &[(
    "overload/answers-that-nobody-takes-give-way",
    untaken_answers,
)];

const HEAP: u64 = 96 << 20;
/// They fill two thirds of the heap.
const CONNECTIONS: usize = 8;
/// Streams that Envoy allows on one connection.
const STREAMS: usize = 100;
/// Headers of each, 55 KiB: a byte or two on the wire, since HTTP/2 sends what was sent before as a
/// reference.
const HEADERS: usize = 14;
const HEADER: usize = 3900;

fn untaken_answers(folder: &Path) -> Result<()> {
    let setup = Setup::new(folder)?.argument("--max-heap", HEAP.to_string());
    setup.configure(&rules(PLAIN, &["one"]))?;
    let gateway = setup.start_with(1)?;
    let mut untaken = Vec::new();
    for _ in 0..CONNECTIONS {
        untaken.push(gateway.setup.runtime.block_on(connection(&gateway))?);
    }
    wait_for("the untaken answers are gone", || {
        Ok((gateway.heap()? < HEAP / 2).then_some(()))
    })?;
    gateway.serves(&chat("one", "plain"), &answered())?;
    drop(untaken);
    gateway.audit()
}

type Untaken = (SendRequest<Bytes>, Vec<RecvStream>);

/// The connection and its streams, whose answers can't come.
async fn connection(gateway: &Gateway) -> Result<Untaken> {
    let mut sender = connect_without_window(gateway.envoy.listener).await?;
    let mut answers = Vec::new();
    for _ in 0..STREAMS {
        sender = sender.ready().await?;
        let mut request = Request::builder()
            .method(Method::GET)
            .uri("http://tollgate/v1/models")
            .body(())?;
        let value = HeaderValue::from_str(&"v".repeat(HEADER))?;
        for _ in 0..HEADERS {
            request.headers_mut().append("x-large", value.clone());
        }
        let (answer, _) = sender.send_request(request, true)?;
        let answer = answer.await?;
        let refused = answer.status() == StatusCode::UNAUTHORIZED;
        ensure!(refused, "answered {}", answer.status());
        answers.push(answer.into_body());
    }
    Ok((sender, answers))
}
