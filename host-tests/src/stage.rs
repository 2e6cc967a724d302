//! Playing a test against a gateway that stands between our client and our upstream.

use std::future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::client::{self, Connection, Outgoing};
use crate::corpus::Test;
use crate::scenario::{Exchange, Meanwhile};
use crate::upstream::{Received, Upstream};

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// Until what other clients sent has arrived.
const HELD_SETTLE: Duration = Duration::from_millis(500);

/// A gateway and the upstream behind it.
#[derive(Debug)]
pub struct Stage {
    /// Where clients connect.
    pub gateway: SocketAddr,
    /// Where the gateway's upstreams are.
    pub upstream: Upstream,
}

/// What both sides saw of one exchange.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The client.
    pub client: client::Seen,
    /// The upstream.
    pub upstream: Vec<Received>,
}

/// How far a test was played.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// One for each exchange that was played to its end.
    pub seen: Vec<Seen>,
    /// Why it went no further, or what was wrong with the connection at the end.
    pub stopped: Option<String>,
}

impl Stage {
    /// Plays a test from a client address of its own.
    pub async fn play(&self, test: &Test, source: Ipv4Addr) -> Played {
        let mut played = Played::default();
        played.stopped = self.play_into(&mut played.seen, test, source).await.err();
        played
    }

    async fn play_into(
        &self,
        seen: &mut Vec<Seen>,
        test: &Test,
        source: Ipv4Addr,
    ) -> Result<(), String> {
        let _held = match &test.meanwhile {
            Some(meanwhile) => self.hold(test, meanwhile).await?,
            None => Vec::new(),
        };
        let mut connection = None;
        for (i, exchange) in test.exchanges.iter().enumerate() {
            if exchange.new_connection {
                connection = None;
            }
            let connection = match &mut connection {
                Some(open) => open,
                none => none.insert(self.connect(test, source).await?),
            };
            let id = format!("{}.{i}", test.name);
            let played = tokio::time::timeout(PATIENCE, self.exchange(connection, exchange, &id));
            match played.await {
                Ok(Ok(exchange)) => seen.push(exchange),
                Ok(Err(why)) => return Err(format!("exchange {i}: {why}")),
                Err(_) => {
                    return Err(format!(
                        "exchange {i}: no end after {} s; the upstream has {} requests of it",
                        PATIENCE.as_secs(),
                        self.upstream.received(&id).await.len()
                    ));
                }
            }
        }
        match connection.as_ref().map_or(&[][..], Connection::surplus) {
            [] => Ok(()),
            surplus => Err(format!(
                "bytes behind the last answer: {}",
                surplus.escape_ascii()
            )),
        }
    }

    /// Lets other clients send what they do. They leave when the handles are dropped.
    async fn hold(&self, test: &Test, meanwhile: &Meanwhile) -> Result<Vec<Held>, String> {
        let id = format!("{}.meanwhile", test.name);
        self.upstream.prepare(&id, None);
        let outgoing = Arc::new(Outgoing::new(&meanwhile.request, &id)?);
        let mut held = Vec::new();
        for _ in 0..meanwhile.connections {
            let mut connection = self.connect(test, Ipv4Addr::LOCALHOST).await?;
            let outgoing = outgoing.clone();
            held.push(Held(tokio::spawn(async move {
                // Whatever comes of it.
                let _ = connection.exchange(&outgoing).await;
                future::pending::<()>().await;
            })));
        }
        tokio::time::sleep(HELD_SETTLE).await;
        Ok(held)
    }

    async fn connect(&self, test: &Test, source: Ipv4Addr) -> Result<Connection, String> {
        Connection::open(test.protocol, self.gateway, source)
            .await
            .map_err(|e| format!("can't connect to {} from {source}: {e}", self.gateway))
    }

    async fn exchange(
        &self,
        connection: &mut Connection,
        exchange: &Exchange,
        id: &str,
    ) -> Result<Seen, String> {
        let outgoing = Outgoing::new(&exchange.request, id)?;
        self.upstream.prepare(id, exchange.upstream.as_ref());
        let client = connection.exchange(&outgoing).await?;
        let upstream = self.upstream.received(id).await;
        Ok(Seen { client, upstream })
    }
}

/// A client in the background, gone when this is dropped.
struct Held(JoinHandle<()>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.abort();
    }
}
