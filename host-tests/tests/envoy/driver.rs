//! Runs tests against Envoys that are started once: one for each arrangement that scenarios name.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tollgate_host_tests::check;
use tollgate_host_tests::corpus::Test;
use tollgate_host_tests::scenario::Gateway;
use tollgate_host_tests::stage::{Seen, Stage};
use tollgate_host_tests::upstream::Upstream;

use crate::access_log::AccessLog;
use crate::audit;
use crate::metrics::Snapshot;
use crate::process::{Envoy, Programs, tail};

/// Upstreams of ours that the rule files name. One more, `dead`, takes no connection.
const UPSTREAMS: [&str; 3] = ["default", "east", "west"];
/// Client addresses of scenarios that name no network: 127.128.0.0/9.
const CLIENTS: Ipv4Addr = Ipv4Addr::new(127, 128, 0, 0);
/// How often and how long to look whether metrics are as expected; Envoy publishes histograms
/// every 5 s.
const METRICS_TICK: Duration = Duration::from_millis(100);
const METRICS_TICKS: usize = 80;

/// Everything that tests share.
pub(crate) struct Driver {
    // Dropped in this order: the Envoys end before their folder goes.
    arrangements: Vec<Arrangement>,
    /// Tests that look at metrics run alone.
    quiet: RwLock<()>,
    runtime: Runtime,
    folder: TempDir,
    _dead: TcpSocket,
}

struct Arrangement {
    gateway: Gateway,
    envoy: Envoy,
    stage: Stage,
    access_log: AccessLog,
}

impl Driver {
    /// Starts an Envoy and an upstream for each arrangement.
    pub(crate) fn start() -> Result<Self> {
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
        let arrangements = Gateway::ALL.iter().map(start).collect::<Result<_>>()?;
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
        let problems = if test.needs_quiet() {
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
        let before = match test.needs_quiet() {
            true => Snapshot::take(arrangement.envoy.admin)?,
            false => Snapshot::default(),
        };
        let seen = self
            .runtime
            .block_on(arrangement.stage.play(test, source))
            .map_err(anyhow::Error::msg)?;
        let mut problems = arrangement.compare(test, source, &seen)?;
        if test.needs_quiet() {
            problems.extend(arrangement.compare_metrics(test, &before)?);
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

impl Arrangement {
    fn start(
        gateway: Gateway,
        programs: &Programs,
        folder: &Path,
        runtime: &Runtime,
        dead: SocketAddr,
    ) -> Result<Self> {
        let upstream = runtime.block_on(Upstream::start(&UPSTREAMS))?;
        let mut arguments = fixed_arguments()?;
        for (name, address) in upstream.addresses() {
            arguments.extend(["--upstream".into(), format!("{name}={address}").into()]);
        }
        arguments.extend(["--upstream".into(), format!("dead={dead}").into()]);
        arguments.extend(gateway_arguments(gateway).iter().map(OsString::from));
        let envoy = Envoy::start(programs, folder.join(gateway.name()), &arguments)?;
        Ok(Self {
            gateway,
            stage: Stage {
                gateway: envoy.listener,
                upstream,
            },
            access_log: AccessLog::new(envoy.access_log()),
            envoy,
        })
    }

    fn compare(&self, test: &Test, source: Ipv4Addr, seen: &[Seen]) -> Result<Vec<String>> {
        let records = self.access_log.of(source, seen.len())?;
        let mut problems = Vec::new();
        if records.len() != seen.len() {
            problems.push(format!(
                "access log: expected {} records, saw {}",
                seen.len(),
                records.len()
            ));
        }
        for (i, (exchange, seen)) in test.exchanges.iter().zip(seen).enumerate() {
            let wrong = check::problems(exchange, seen, records.get(i));
            problems.extend(
                wrong
                    .into_iter()
                    .map(|problem| format!("exchange {i}: {problem}")),
            );
        }
        if !problems.is_empty() {
            problems.extend(
                records
                    .iter()
                    .map(|record| format!("record: {}", without_nulls(record))),
            );
        }
        Ok(problems)
    }

    fn compare_metrics(&self, test: &Test, before: &Snapshot) -> Result<Vec<String>> {
        let expected: Vec<_> = test
            .exchanges
            .iter()
            .flat_map(|e| e.expect.metrics.clone())
            .collect();
        let mut problems = Vec::new();
        for _ in 0..METRICS_TICKS {
            problems = Snapshot::take(self.envoy.admin)?.problems(before, &expected);
            if problems.is_empty() {
                break;
            }
            sleep(METRICS_TICK);
        }
        Ok(problems)
    }
}

/// How the arrangements differ.
fn gateway_arguments(gateway: Gateway) -> &'static [&'static str] {
    match gateway {
        Gateway::Default => &[],
        Gateway::Impatient => &["--idle-timeout", "1", "--request-timeout", "3"],
    }
}

fn fixed_arguments() -> Result<Vec<OsString>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut arguments = vec!["--policies".into(), here.join("policies").into()];
    for entry in fs::read_dir(here.join("credentials"))? {
        let file: PathBuf = entry?.path();
        let name = file
            .file_name()
            .context("a credential has a name")?
            .to_os_string();
        let mut argument = name;
        argument.push("=");
        argument.push(&file);
        arguments.extend(["--credential".into(), argument]);
    }
    Ok(arguments)
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

fn without_nulls(record: &Value) -> Value {
    let mut record = record.clone();
    if let Some(fields) = record.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    record
}
