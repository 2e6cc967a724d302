//! Playing a test against a gateway that stands between our client and our upstream.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::client::{self, Connection, Outgoing};
use crate::corpus::Test;
use crate::scenario::Exchange;
use crate::upstream::{Received, Upstream};

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(40);

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

impl Stage {
    /// Plays a test from a client address of its own. An error says which exchange could not be
    /// played to its end, and why.
    pub async fn play(&self, test: &Test, source: Ipv4Addr) -> Result<Vec<Seen>, String> {
        let mut connection = None;
        let mut seen = Vec::new();
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
            [] => Ok(seen),
            surplus => Err(format!(
                "bytes behind the last answer: {}",
                surplus.escape_ascii()
            )),
        }
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
