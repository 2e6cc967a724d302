//! `tollgate drain`: what a pod does before its Envoy is stopped. Connections are told to go, new
//! ones still come in while load balancers look elsewhere, and it ends when the last request has.

use crate::failure::Failure;
use anyhow::{Context, bail};
use clap::Args;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tollgate_envoy_config::Address;

/// Of one answer of the admin interface.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(500);

/// Connection managers that serve no client: the admin interface asks itself here.
const OWN: [&str; 2] = ["http.admin.", "http.metrics."];

/// Wait until a local Envoy has no more requests, and tell its clients to go elsewhere
#[derive(Args, Debug)]
pub(crate) struct Drain {
    /// Envoy's admin interface; a bare port is on loopback
    #[arg(long, value_name = "[HOST:]PORT", value_parser = Address::listening, default_value = "9901")]
    admin: Address,

    /// For so long load balancers may send new connections
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    settle: u64,

    /// Longest that it takes, whatever still runs
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    longest: u64,

    /// Copy this program there for a container that has none, and do nothing else
    #[arg(long, value_name = "FILE", exclusive = true)]
    install: Option<PathBuf>,
}

pub(crate) fn run(command: &Drain, out: &mut impl Write) -> Result<(), Failure> {
    match &command.install {
        Some(file) => install(file),
        None => drain(command, out),
    }
}

fn install(file: &Path) -> Result<(), Failure> {
    let own = std::env::current_exe().context("can't find this program")?;
    // Its permissions too.
    fs::copy(&own, file)
        .with_context(|| format!("can't copy {} to {}", own.display(), file.display()))?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "it waits for an Envoy's requests"
)]
fn drain(command: &Drain, out: &mut impl Write) -> Result<(), Failure> {
    let begun = Instant::now();
    let (settle, longest) = (
        Duration::from_secs(command.settle),
        Duration::from_secs(command.longest),
    );
    let admin = Admin::new(&command.admin);
    let over = || begun.elapsed() >= longest;
    persist(over, || admin.post("/healthcheck/fail"))?;
    let told = Instant::now();
    loop {
        let active = persist(over, || admin.active_requests())?;
        let waited = begun.elapsed().as_secs();
        if active == 0 && told.elapsed() >= settle {
            writeln!(out, "drained after {waited} s")?;
            return Ok(());
        }
        if over() {
            writeln!(out, "{active} requests still run after {waited} s")?;
            return Ok(());
        }
        sleep(PAUSE);
    }
}

/// Asks until there is an answer. A busy Envoy may owe one: nothing is known then of the requests
/// that run, and to end would be to cut them.
fn persist<T>(over: impl Fn() -> bool, ask: impl Fn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut said = false;
    loop {
        let error = match ask() {
            Err(error) if !over() => error,
            done => return done,
        };
        if !said {
            // Where nobody listens, requests run nevertheless.
            let _ = writeln!(io::stderr(), "warning: {error:#}; asking again");
            said = true;
        }
        sleep(PAUSE);
    }
}

/// Envoy's admin interface.
struct Admin {
    agent: ureq::Agent,
    address: String,
}

impl Admin {
    fn new(address: &Address) -> Self {
        // The pod may have a proxy for what is outside of it.
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .proxy(None);
        Self {
            agent: config.build().new_agent(),
            address: address.to_string(),
        }
    }

    fn post(&self, path: &str) -> anyhow::Result<()> {
        let url = format!("http://{}{path}", self.address);
        let done = self.agent.post(&url).send_empty();
        done.with_context(|| format!("can't ask {url}"))?;
        Ok(())
    }

    /// Of clients, over all listeners.
    fn active_requests(&self) -> anyhow::Result<u64> {
        let url = format!(
            "http://{}/stats?filter=^http\\..*\\.downstream_rq_active$",
            self.address
        );
        let answer = self.agent.get(&url).call();
        let mut answer = answer.with_context(|| format!("can't ask {url}"))?;
        let text = answer.body_mut().read_to_string();
        sum(&text.with_context(|| format!("can't read {url}"))?)
    }
}

/// Adds up the lines `http.NAME.downstream_rq_active: N`.
fn sum(stats: &str) -> anyhow::Result<u64> {
    let mut sum = 0_u64;
    let mut seen = false;
    for line in stats.lines() {
        if OWN.iter().any(|own| line.starts_with(own)) {
            continue;
        }
        let number = line
            .rsplit_once(": ")
            .map(|(_, number)| number.parse::<u64>());
        let Some(Ok(number)) = number else {
            bail!("Envoy's statistics have a line that is none: {line}");
        };
        sum = sum.saturating_add(number);
        seen = true;
    }
    if !seen {
        bail!("Envoy has no listener that counts requests");
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn adds_what_clients_have_running() {
        let stats = "http.admin.downstream_rq_active: 1\nhttp.tollgate.downstream_rq_active: 2\n\
                     http.other_hosts.downstream_rq_active: 3\nhttp.metrics.downstream_rq_active: 9\n";
        assert_eq!(sum(stats).unwrap(), 5);
    }

    #[test]
    fn does_not_take_an_error_for_idleness() {
        for stats in [
            "",
            "http.admin.downstream_rq_active: 1",
            "invalid path",
            "http.a: x",
        ] {
            assert!(sum(stats).is_err(), "{stats}");
        }
    }
}
