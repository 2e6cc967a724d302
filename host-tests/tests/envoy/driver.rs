//! Runs tests against Envoys that are started once: one for each arrangement that scenarios name.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{PoisonError, RwLock};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tollgate_host_tests::corpus::Test;
use tollgate_host_tests::envoy::{Programs, Snapshot, audit, tail};
use tollgate_host_tests::scenario::Gateway;

use crate::arrangement::Arrangement;

/// Client addresses of scenarios that name no network: 127.128.0.0/9.
const CLIENTS: Ipv4Addr = Ipv4Addr::new(127, 128, 0, 0);
/// Until metrics of tests before are published.
const METRICS_SETTLE: Duration = Duration::from_millis(200);
/// How often and how long to look whether metrics are as expected.
const METRICS_TICK: Duration = Duration::from_millis(50);
const METRICS_TICKS: usize = 60;

/// Everything that tests share.
pub(crate) struct Driver {
    // Dropped in this order: the Envoys end before their folder goes.
    arrangements: Vec<Arrangement>,
    /// Held for writing by tests that run alone.
    quiet: RwLock<()>,
    runtime: Runtime,
    folder: TempDir,
    _dead: TcpSocket,
}

impl Driver {
    /// Starts an Envoy and an upstream for each of these arrangements.
    pub(crate) fn start(gateways: &[Gateway]) -> Result<Self> {
        let programs = Programs::from_env()?;
        let runtime = Runtime::new()?;
        let folder = tempfile::Builder::new()
            .prefix("tollgate-host-tests-")
            .tempdir()?;
        let (dead_socket, dead) = dead_upstream(&runtime)?;
        let start = |gateway: &Gateway| {
            Arrangement::start(*gateway, &programs, folder.path(), &runtime, dead)
                .with_context(|| format!("gateway `{}`", gateway.name()))
        };
        let arrangements = gateways.iter().map(start).collect::<Result<_>>()?;
        Ok(Self {
            arrangements,
            quiet: RwLock::default(),
            runtime,
            folder,
            _dead: dead_socket,
        })
    }

    /// Runs one test; an error tells everything that is wrong with it.
    pub(crate) fn run(&self, number: usize, test: &Test) -> Result<(), String> {
        let told = |problems: &str| {
            let file = test.file.display();
            format!("{problems}\npromise: {}\nscenario: {file}", test.about)
        };
        let problems = if test.runs_alone() {
            let _alone = self.quiet.write().unwrap_or_else(PoisonError::into_inner);
            self.problems(number, test)
        } else {
            let _together = self.quiet.read().unwrap_or_else(PoisonError::into_inner);
            self.problems(number, test)
        };
        match problems {
            Ok(problems) if problems.is_empty() => Ok(()),
            Ok(problems) => Err(told(&problems.join("\n"))),
            Err(error) => Err(told(&format!("{error:#}"))),
        }
    }

    fn problems(&self, number: usize, test: &Test) -> Result<Vec<String>> {
        let find = |a: &&Arrangement| a.gateway == test.gateway;
        let arrangement = self
            .arrangements
            .iter()
            .find(find)
            .context("no such gateway")?;
        let source = address(test, number)?;
        let before = match test.measures() {
            true => {
                sleep(METRICS_SETTLE);
                Snapshot::take(arrangement.envoy.admin)?
            }
            false => Snapshot::default(),
        };
        let played = self.runtime.block_on(arrangement.stage.play(test, source));
        let mut problems = arrangement.problems(test, source, &played)?;
        if test.measures() {
            problems.extend(metrics_problems(arrangement, test, &before)?);
        }
        Ok(problems)
    }

    /// What no single test can see: bytes that belong to no request, secrets where none may be.
    pub(crate) fn audit(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        for arrangement in &self.arrangements {
            let Arrangement { stage, envoy, .. } = arrangement;
            let strays = stage.upstream.strays().into_iter();
            problems.extend(strays.map(|stray| {
                format!(
                    "upstream, gateway `{}`: {stray}",
                    arrangement.gateway.name()
                )
            }));
            problems.extend(audit::secrets(envoy, &stage.upstream)?);
        }
        Ok(problems)
    }

    /// Leaves the logs on disk and shows the end of Envoy's.
    pub(crate) fn keep_logs(&self) -> Result<()> {
        let kept = self.folder.path().with_extension("kept");
        fs::create_dir_all(&kept)?;
        for arrangement in &self.arrangements {
            for file in [arrangement.envoy.log(), arrangement.envoy.access_log()] {
                let name = file
                    .file_name()
                    .context("a log has a name")?
                    .to_string_lossy();
                fs::copy(
                    &file,
                    kept.join(format!("{}-{name}", arrangement.gateway.name())),
                )?;
            }
            let shown = tail(&arrangement.envoy.log());
            if !shown.is_empty() {
                eprintln!(
                    "\nEnvoy's log (gateway `{}`):\n{shown}",
                    arrangement.gateway.name()
                );
            }
        }
        eprintln!("\nlogs are kept in {}", kept.display());
        Ok(())
    }
}

fn metrics_problems(
    arrangement: &Arrangement,
    test: &Test,
    before: &Snapshot,
) -> Result<Vec<String>> {
    let expected: Vec<_> = test
        .exchanges
        .iter()
        .flat_map(|e| e.expect.metrics.clone())
        .collect();
    let mut problems = Vec::new();
    for _ in 0..METRICS_TICKS {
        problems = Snapshot::take(arrangement.envoy.admin)?.problems(before, &expected);
        if problems.is_empty() {
            break;
        }
        sleep(METRICS_TICK);
    }
    Ok(problems)
}

/// An address that nobody listens on, and nobody else can as long as the socket lives.
fn dead_upstream(runtime: &Runtime) -> Result<(TcpSocket, SocketAddr)> {
    let _inside = runtime.enter();
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// The client address of a test: its number in its network.
fn address(test: &Test, number: usize) -> Result<Ipv4Addr> {
    let network = test.from.map_or(CLIENTS, |net| net.network());
    let number = u32::try_from(number + 1)?;
    Ok(Ipv4Addr::from_bits(network.to_bits() + number))
}
