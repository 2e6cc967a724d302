//! Clients of a gateway, and what both sides must have seen.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tollgate_host_tests::client::{self, Connection, Outgoing};
use tollgate_host_tests::scenario::{Answer, Protocol, Request};
use tollgate_host_tests::stage::Seen;
use tollgate_host_tests::upstream::Upstream;

use crate::setup::Setup;

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client with one connection.
pub(crate) struct Client<'s> {
    pub(crate) setup: &'s Setup,
    pub(crate) connection: Connection,
}

impl Client<'_> {
    /// One exchange. `answer`: the upstream's; `None`: nothing may reach it.
    pub(crate) fn ask(&mut self, request: &Request, answer: Option<&Answer>) -> Result<Seen> {
        let Setup {
            runtime, upstream, ..
        } = self.setup;
        runtime.block_on(exchange(upstream, &mut self.connection, request, answer))
    }
}

/// An exchange that goes on by itself; dropped, its client leaves.
pub(crate) struct Flight {
    id: String,
    upstream: Arc<Upstream>,
    client: JoinHandle<Result<client::Seen, String>>,
}

impl Flight {
    /// Sends a request and returns at once.
    pub(crate) fn start(
        setup: &Setup,
        mut connection: Connection,
        request: &Request,
        answer: Option<&Answer>,
    ) -> Result<Self> {
        let id = new_id();
        let outgoing = Outgoing::new(request, &id).map_err(|e| anyhow!(e))?;
        let upstream = setup.upstream.clone();
        upstream.prepare(&id, answer);
        let exchange = async move { connection.exchange(&outgoing).await };
        let client = setup.runtime.spawn(exchange);
        Ok(Self {
            id,
            upstream,
            client,
        })
    }

    /// Waits for the end of the exchange.
    pub(crate) async fn end(mut self) -> Result<Seen> {
        let client = tokio::time::timeout(PATIENCE, &mut self.client).await;
        let client = client.context("no end")??.map_err(|e| anyhow!(e))?;
        let upstream = self.upstream.received(&self.id).await;
        Ok(Seen { client, upstream })
    }

    /// By which an upstream knows it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Lets the upstream go on.
    pub(crate) fn resume(&self) {
        self.upstream.resume(&self.id);
    }

    /// Whether the client has its answer.
    pub(crate) fn is_over(&self) -> bool {
        self.client.is_finished()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.client.abort();
    }
}

/// A connection to the gateway.
pub(crate) async fn connect(listener: SocketAddr) -> Result<Connection> {
    let opened = Connection::open(Protocol::H1, listener, Ipv4Addr::LOCALHOST).await;
    opened.context("can't connect to Envoy")
}

/// An HTTP/2 connection on which no answer's body can come: the client gives no window for it.
pub(crate) async fn connect_without_window(listener: SocketAddr) -> Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect(listener).await?;
    stream.set_nodelay(true)?;
    let mut builder = Builder::new();
    let (sender, connection) = builder.initial_window_size(0).handshake(stream).await?;
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}

/// One exchange, seen from both sides.
pub(crate) async fn exchange(
    upstream: &Upstream,
    connection: &mut Connection,
    request: &Request,
    answer: Option<&Answer>,
) -> Result<Seen> {
    let id = new_id();
    let outgoing = Outgoing::new(request, &id).map_err(|e| anyhow!(e))?;
    upstream.prepare(&id, answer);
    let client = tokio::time::timeout(PATIENCE, connection.exchange(&outgoing)).await;
    let client = client.context("no end")?.map_err(|e| anyhow!(e))?;
    let upstream = upstream.received(&id).await;
    Ok(Seen { client, upstream })
}

fn new_id() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("lifecycle.{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Status 200 for one request at the upstream, else an error that shows what was seen.
pub(crate) fn served(seen: Seen) -> Result<Seen> {
    let complete = seen.client.end == client::End::Complete;
    let ok = seen.client.status == Some(200) && complete && seen.upstream.len() == 1;
    ensure!(ok, "not served: {}", shown(&seen));
    Ok(seen)
}

/// An error of this status and code; nothing reached the upstream.
pub(crate) fn refused(seen: Seen, status: u16, code: &str) -> Result<Seen> {
    let body: Value = serde_json::from_slice(&seen.client.body).unwrap_or_default();
    let as_told = seen.client.status == Some(status) && body["error"]["code"] == code;
    ensure!(
        as_told && seen.upstream.is_empty(),
        "expected {status} {code} and nothing at the upstream, saw {}",
        shown(&seen)
    );
    Ok(seen)
}

/// For messages.
pub(crate) fn shown(seen: &Seen) -> String {
    let client::Seen {
        status, body, end, ..
    } = &seen.client;
    let requests = seen.upstream.len();
    let body = body.escape_ascii();
    format!("status {status:?}, body {body}, {end:?}, {requests} requests at the upstream")
}
