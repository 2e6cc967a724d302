//! A GET of our own, beside the scenarios: Envoy's admin interface and the readiness path.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::client::{Connection, End, Outgoing};
use crate::scenario::{Protocol, Request};
use anyhow::{Result, anyhow, bail};

const PATIENCE: Duration = Duration::from_secs(10);

/// An answer read whole.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Without transfer coding.
    pub body: Vec<u8>,
}

/// Asks by HTTP/1.1 on a connection of its own.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(address, path)).await? })
}

async fn ask(address: SocketAddr, path: &str) -> Result<Answer> {
    let request = Request {
        path: path.to_owned(),
        ..Request::default()
    };
    let outgoing = Outgoing::new(&request, "driver").map_err(|e| anyhow!(e))?;
    let mut connection = Connection::open(Protocol::H1, address, Ipv4Addr::LOCALHOST).await?;
    let seen = connection
        .exchange(&outgoing)
        .await
        .map_err(|e| anyhow!(e))?;
    match (seen.status, seen.end) {
        (Some(status), End::Complete) => Ok(Answer {
            status,
            body: seen.body,
        }),
        (_, end) => bail!("{path}: {end:?}"),
    }
}
