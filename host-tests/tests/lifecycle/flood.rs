//! Many clients that send the same upload at once.

use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use tokio::task::JoinHandle;
use tollgate_host_tests::client::{self, Outgoing};
use tollgate_host_tests::scenario::Request;

use crate::client::{connect, refused};
use crate::gateway::Gateway;

/// How many.
pub(crate) const FLOOD: usize = 1000;

/// Many clients that send the same and wait.
pub(crate) struct Flood(Vec<JoinHandle<Result<client::Seen, String>>>);

impl Flood {
    pub(crate) fn start(gateway: &Gateway, upload: &Request) -> Result<Self> {
        let id = "flood";
        gateway.setup.upstream.prepare(id, None);
        let outgoing = Arc::new(Outgoing::new(upload, id).map_err(|e| anyhow!(e))?);
        let mut clients = Vec::new();
        for _ in 0..FLOOD {
            let mut connection = gateway
                .setup
                .runtime
                .block_on(connect(gateway.envoy.listener))?;
            let outgoing = outgoing.clone();
            let exchange = async move { connection.exchange(&outgoing).await };
            clients.push(gateway.setup.runtime.spawn(exchange));
        }
        Ok(Self(clients))
    }

    /// How many have no answer.
    pub(crate) fn held(&self) -> usize {
        let held = self.0.iter().filter(|client| !client.is_finished());
        held.count()
    }

    /// Every answer so far must be the refusal. The others leave.
    ///
    /// A client that still sends when Envoy closes the connection, a second after its answer, may
    /// find it reset before it has read that answer; not all of them.
    pub(crate) fn refusals(self, gateway: &Gateway) -> Result<()> {
        let upstream = &gateway.setup.upstream;
        let mut told = 0;
        for client in self.0 {
            if !client.is_finished() {
                client.abort();
                continue;
            }
            let client = gateway.setup.runtime.block_on(client)?;
            let client = client.map_err(|e| anyhow!(e))?;
            if client.status.is_none() {
                continue;
            }
            let upstream = Vec::new();
            let seen = tollgate_host_tests::stage::Seen { client, upstream };
            refused(seen, 429, "too_many_uploads")?;
            told += 1;
        }
        ensure!(told > 0, "no client was told");
        let taken = gateway.setup.runtime.block_on(upstream.received("flood"));
        ensure!(taken.is_empty(), "{} uploads went upstream", taken.len());
        Ok(())
    }
}
