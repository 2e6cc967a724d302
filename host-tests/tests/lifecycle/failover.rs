//! An upstream that dies while it is used. (What a single request meets is among the scenarios,
//! `routing/failover`.)

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Result, ensure};
use tokio::runtime::Runtime;
use tollgate_host_tests::client::End;
use tollgate_host_tests::scenario::Protocol;
use tollgate_host_tests::upstream::Upstream;

use crate::Promise;
use crate::client::{refused, served, shown};
use crate::messages::{answered, chat, held, streamed, streamed_chat};
use crate::rules::rules;
use crate::setup::Setup;

pub(crate) const PROMISES: &[Promise] = &[
    ("failover/repeats-no-request-that-was-taken", taken),
    ("failover/serves-from-the-next-upstream", next),
];

/// The first upstream lives in a runtime of its own, with which it dies: its connections are
/// closed and its port takes no more.
struct Mortal {
    upstream: Upstream,
    runtime: Runtime,
}

impl Mortal {
    /// At an address where nobody else takes the port that it leaves.
    fn start(address: Ipv4Addr) -> Result<Self> {
        let runtime = Runtime::new()?;
        let upstream = Upstream::start_at(address, &["first"], Protocol::H1);
        let upstream = runtime.block_on(upstream)?;
        Ok(Self { upstream, runtime })
    }

    /// Returns when its port is closed: a connection that was taken before that counts as one that
    /// may have carried the request.
    fn die(self) {
        drop(self.upstream);
        drop(self.runtime);
    }
}

fn setup(folder: &Path, first: &Mortal) -> Result<Setup> {
    let address = first.upstream.addresses()["first"];
    let setup = Setup::new(folder)?.argument("--upstream", format!("first={address}"));
    let models = "  model: {price: free, targets: {only: {upstreams: [first, west]}}}\n";
    setup.configure(&rules(models, &["one"]))?;
    Ok(setup)
}

fn taken(folder: &Path) -> Result<()> {
    let first = Mortal::start(Ipv4Addr::new(127, 0, 0, 2))?;
    let gateway = setup(folder, &first)?.start()?;
    // Prepared at both: the first holds them, and the second would answer a repeated one.
    let waiting = gateway.fly(&chat("one", "model"), Some(&answered()))?;
    first.upstream.prepare(waiting.id(), Some(&held()));
    let streaming = gateway.fly(&streamed_chat("one", "model"), Some(&answered()))?;
    first.upstream.prepare(streaming.id(), Some(&streamed()));
    for flight in [&waiting, &streaming] {
        let arrived = first
            .runtime
            .block_on(first.upstream.arrived(flight.id(), 1));
        ensure!(arrived, "a request did not reach the first upstream");
    }
    first.die();
    refused(gateway.land(waiting)?, 503, "upstream_disconnected")?;
    let streaming = gateway.land(streaming)?;
    ensure!(
        matches!(streaming.client.end, End::Cut(_)) && streaming.upstream.is_empty(),
        "{}",
        shown(&streaming)
    );
    gateway.audit()
}

fn next(folder: &Path) -> Result<()> {
    let first = Mortal::start(Ipv4Addr::new(127, 0, 0, 3))?;
    let gateway = setup(folder, &first)?.start()?;
    first.die();
    for _ in 0..20 {
        let request = chat("one", "model");
        let seen = served(gateway.ask(&request, Some(&answered()))?)?;
        let taken = &seen.upstream[0];
        let body = request.body.as_ref().map(|body| body.bytes());
        ensure!(taken.at == "west", "served at {}", taken.at);
        ensure!(Some(&taken.body) == body.as_ref(), "the body is not intact");
    }
    gateway.audit()
}
