//! A running Envoy of a test's own, with its upstream.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tollgate_host_tests::client::Connection;
use tollgate_host_tests::envoy::{AccessLog, Envoy, Snapshot, audit, get};
use tollgate_host_tests::scenario::{Answer, Request};
use tollgate_host_tests::stage::Seen;

use crate::client::{Client, Flight, connect, served};
use crate::setup::Setup;

/// How often and how long to look whether something has come about.
const TICK: Duration = Duration::from_millis(20);
const TICKS: usize = 6000;

/// Envoy and what it was started from.
pub(crate) struct Gateway {
    pub(crate) envoy: Envoy,
    pub(crate) setup: Setup,
}

impl Gateway {
    /// Starts one with these rules.
    pub(crate) fn with_rules(folder: &Path, rules: &str) -> Result<Self> {
        let setup = Setup::new(folder)?;
        setup.configure(rules)?;
        setup.start()
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Result<Connection> {
        self.setup.runtime.block_on(connect(self.envoy.listener))
    }

    /// A client with a connection of its own.
    pub(crate) fn client(&self) -> Result<Client<'_>> {
        let connection = self.connect()?;
        Ok(Client {
            setup: &self.setup,
            connection,
        })
    }

    /// One exchange on a connection of its own.
    pub(crate) fn ask(&self, request: &Request, answer: Option<&Answer>) -> Result<Seen> {
        self.client()?.ask(request, answer)
    }

    /// The same, and it must be served.
    pub(crate) fn serves(&self, request: &Request, answer: &Answer) -> Result<Seen> {
        served(self.ask(request, Some(answer))?)
    }

    /// Sends a request from a connection of its own and returns at once.
    pub(crate) fn fly(&self, request: &Request, answer: Option<&Answer>) -> Result<Flight> {
        self.fly_on(self.connect()?, request, answer)
    }

    /// The same on this connection.
    pub(crate) fn fly_on(
        &self,
        connection: Connection,
        request: &Request,
        answer: Option<&Answer>,
    ) -> Result<Flight> {
        Flight::start(&self.setup, connection, request, answer)
    }

    /// Waits for what a client sent without looking.
    pub(crate) fn land(&self, flight: Flight) -> Result<Seen> {
        self.setup.runtime.block_on(flight.end())
    }

    /// Waits until the upstream has taken a request.
    pub(crate) fn arrived(&self, flight: &Flight) -> Result<()> {
        let upstream = &self.setup.upstream;
        let arrived = self
            .setup
            .runtime
            .block_on(upstream.arrived(flight.id(), 1));
        ensure!(arrived, "a request did not reach the upstream in time");
        Ok(())
    }

    /// The policy in force at the worker that takes the connection.
    pub(crate) fn policy(&self) -> Result<String> {
        let answer = get(self.envoy.listener, "/readyz")?;
        ensure!(answer.status == 200, "/readyz answers {}", answer.status);
        let body: Value = serde_json::from_slice(&answer.body)?;
        let version = body["policy"].as_str();
        Ok(version.context("/readyz names no policy")?.to_owned())
    }

    /// Runs `tollgate envoy-config` again with these rules.
    pub(crate) fn edit(&self, rules: &str) -> Result<()> {
        self.setup.configure(rules)
    }

    /// The same, and waits until every worker has them.
    pub(crate) fn edit_and_wait(&self, rules: &str) -> Result<()> {
        self.edit(rules)?;
        let version = self.setup.version()?;
        let mut in_a_row = 0;
        wait_for("the policy written is in force", || {
            in_a_row = if self.policy()? == version {
                in_a_row + 1
            } else {
                0
            };
            Ok((in_a_row == 10).then_some(()))
        })
    }

    /// Writes the rules for an Envoy that has none, and waits until it is ready.
    pub(crate) fn edit_from_nothing(&self, rules: &str) -> Result<()> {
        self.edit(rules)?;
        wait_for("200 from /readyz", || {
            let answer = get(self.envoy.listener, "/readyz")?;
            Ok((answer.status == 200).then_some(()))
        })
    }

    /// An Envoy counter or gauge; 0 if it does not exist (yet).
    pub(crate) fn stat(&self, name: &str) -> Result<u64> {
        let text = self.stats(name)?;
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        let value = { lines }.find(|(stat, _)| *stat == name);
        Ok(value.map_or(Ok(0), |(_, value)| value.parse())?)
    }

    /// `name: value` lines of those whose names contain this.
    pub(crate) fn stats(&self, part: &str) -> Result<String> {
        let answer = get(self.envoy.admin, &format!("/stats?filter={part}"))?;
        Ok(String::from_utf8(answer.body)?)
    }

    /// What Envoy has allocated, in bytes: what its overload manager looks at.
    pub(crate) fn heap(&self) -> Result<u64> {
        let answer = get(self.envoy.admin, "/memory")?;
        let memory: Value = serde_json::from_slice(&answer.body)?;
        let allocated = memory["allocated"].as_str();
        Ok(allocated.context("/memory says nothing")?.parse()?)
    }

    /// The module's metrics.
    pub(crate) fn metrics(&self) -> Result<Snapshot> {
        Snapshot::take(self.envoy.admin)
    }

    /// Waits until Envoy's log says this.
    pub(crate) fn logs(&self, text: &str) -> Result<()> {
        let look = || {
            Ok(fs::read_to_string(self.envoy.log())?
                .contains(text)
                .then_some(()))
        };
        wait_for(&format!("Envoy's log has {text:?}"), look)
    }

    /// Waits for the access log's first record whose field has this value.
    pub(crate) fn record(&self, field: &str, value: &str) -> Result<Value> {
        wait_for(&format!("a record with {field} {value}"), || {
            let mut records = self.records()?.into_iter();
            Ok(records.find(|record| record[field] == value))
        })
    }

    /// The access log's records so far, in the order of their requests.
    pub(crate) fn records(&self) -> Result<Vec<Value>> {
        AccessLog::new(self.envoy.access_log()).of(Ipv4Addr::LOCALHOST, 0)
    }

    /// No secret and no byte may be where it does not belong.
    pub(crate) fn audit(&self) -> Result<()> {
        let strays = self.setup.upstream.strays();
        ensure!(strays.is_empty(), "strays at the upstream: {strays:?}");
        let found = audit::secrets(&self.envoy, &self.setup.upstream)?;
        ensure!(found.is_empty(), "secrets found: {found:#?}");
        Ok(())
    }
}

/// Looks until there is something to be seen.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..TICKS {
        if let Some(found) = look()? {
            return Ok(found);
        }
        std::thread::sleep(TICK);
    }
    bail!("not in {:?}: {what}", TICK * TICKS as u32)
}
