//! One Envoy process in a folder of its own, ended on every path.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::admin::get;
use crate::child;

/// How often and how long to look whether Envoy serves.
const TICK: Duration = Duration::from_millis(20);
const TICKS: usize = 1000;

/// What is run, by path.
#[derive(Clone, Debug)]
pub struct Programs {
    envoy: PathBuf,
    cli: PathBuf,
    module: PathBuf,
}

impl Programs {
    /// From the environment.
    pub fn from_env() -> Result<Self> {
        Ok(Self {
            envoy: file_named_by("TOLLGATE_ENVOY", "the Envoy binary")?,
            cli: file_named_by("TOLLGATE_CLI", "the `tollgate` binary")?,
            module: file_named_by("TOLLGATE_MODULE", "tollgate_gateway.wasm")?,
        })
    }

    /// The same with another module.
    pub fn with_module(mut self, module: PathBuf) -> Self {
        self.module = module;
        self
    }

    /// The folder of the modules, where the others are built to as well.
    pub fn modules(&self) -> &Path {
        self.module.parent().unwrap_or(Path::new(""))
    }

    /// Lets `tollgate envoy-config` write an Envoy's configuration, with these arguments besides
    /// those for the ports and the folder.
    pub fn configure(&self, folder: &Path, arguments: &[OsString]) -> Result<()> {
        let output = Command::new(&self.cli)
            .args(["envoy-config", "--listen", "1", "--admin", "1", "--module"])
            .arg(&self.module)
            .arg("-o")
            .arg(folder)
            .args(arguments)
            .output()
            .with_context(|| self.cli.display().to_string())?;
        if !output.status.success() {
            let (status, said) = (output.status, String::from_utf8_lossy(&output.stderr));
            bail!("`tollgate envoy-config` ended ({status}):\n{said}");
        }
        adapt(&folder.join("bootstrap.json"))
    }
}

fn file_named_by(variable: &str, what: &str) -> Result<PathBuf> {
    let Some(path) = std::env::var_os(variable).map(PathBuf::from) else {
        bail!("{variable} is not set: it must name {what} by absolute path (`make test` sets it)");
    };
    if !path.is_absolute() || !path.is_file() {
        bail!(
            "{variable}={}: no such file; it must name {what} by absolute path",
            path.display()
        );
    }
    Ok(path)
}

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    folder: PathBuf,
    /// Where clients connect.
    pub listener: SocketAddr,
    /// Its admin interface.
    pub admin: SocketAddr,
}

impl Envoy {
    /// Starts one that is configured in this folder, and waits until it listens.
    pub fn start(programs: &Programs, folder: PathBuf, workers: usize) -> Result<Self> {
        let mut envoy = Self::launch(programs, folder, workers)?;
        envoy.wait_until_listening()?;
        Ok(envoy)
    }

    /// Starts one that is configured in this folder, and waits for nothing.
    pub fn launch(programs: &Programs, folder: PathBuf, workers: usize) -> Result<Self> {
        let child = spawn(&programs.envoy, &folder, workers)?;
        let unset = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self {
            child,
            folder,
            listener: unset,
            admin: unset,
        })
    }

    /// Waits until it accepts clients; before that its addresses are not known.
    pub fn wait_until_listening(&mut self) -> Result<()> {
        self.admin = self.wait_for("its admin address", |envoy| {
            fs::read_to_string(envoy.folder.join("admin-address"))
                .ok()?
                .trim()
                .parse()
                .ok()
        })?;
        self.listener = self.wait_for("its listener", listener)?;
        Ok(())
    }

    /// Waits until the module says that it has a policy.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let ready = |envoy: &Self| {
            get(envoy.listener, "/readyz")
                .ok()
                .filter(|a| a.status == 200)
        };
        self.wait_for("200 from /readyz", ready)?;
        Ok(())
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// One line for each request it served.
    pub fn access_log(&self) -> PathBuf {
        self.folder.join("access.log")
    }

    /// What it says about itself.
    pub fn log(&self) -> PathBuf {
        self.folder.join("envoy.log")
    }

    fn wait_for<T>(&mut self, what: &str, look: impl Fn(&Self) -> Option<T>) -> Result<T> {
        for _ in 0..TICKS {
            if let Some(found) = look(self) {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "Envoy ended ({status}) before it had {what}:\n{}",
                    tail(&self.log())
                );
            }
            std::thread::sleep(TICK);
        }
        bail!(
            "Envoy had not {what} in {:?}:\n{}",
            TICK * TICKS as u32,
            tail(&self.log())
        )
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address that the kernel gave to the one listener.
fn listener(envoy: &Envoy) -> Option<SocketAddr> {
    let answer = get(envoy.admin, "/listeners?format=json").ok()?;
    let listeners: Value = serde_json::from_slice(&answer.body).ok()?;
    let address = listeners.pointer("/listener_statuses/0/local_address/socket_address")?;
    let ip = address.get("address")?.as_str()?.parse().ok()?;
    let port = u16::try_from(address.get("port_value")?.as_u64()?).ok()?;
    Some(SocketAddr::new(ip, port))
}

/// What a test needs otherwise than an operator.
///
/// The kernel chooses the ports, so that any number of runs go side by side: a port that we looked
/// for beforehand could be another Envoy's by now, and Envoys share ports without a word. And
/// metrics are published at once.
fn adapt(bootstrap: &Path) -> Result<()> {
    let mut config: Value = serde_json::from_slice(&fs::read(bootstrap)?)?;
    for place in ["/static_resources/listeners/0", "/admin"] {
        let port = format!("{place}/address/socket_address/port_value");
        let port = config.pointer_mut(&port);
        *port.with_context(|| format!("no port at {place} of bootstrap.json"))? = 0.into();
    }
    config["stats_flush_interval"] = "0.05s".into();
    fs::write(bootstrap, config.to_string()).with_context(|| bootstrap.display().to_string())
}

fn spawn(envoy: &Path, folder: &Path, workers: usize) -> Result<Child> {
    let create = |name: &str| File::create(folder.join(name));
    child::command(envoy)
        .current_dir(folder)
        .args([
            "-c",
            "bootstrap.json",
            "--admin-address-path",
            "admin-address",
        ])
        .args([
            "--disable-hot-restart",
            "--concurrency",
            &workers.to_string(),
            "--file-flush-interval-msec",
            "20",
        ])
        .args([
            "--log-level",
            "warning",
            "--component-log-level",
            "wasm:info",
        ])
        .stdin(Stdio::null())
        .stdout(create("access.log")?)
        .stderr(create("envoy.log")?)
        .spawn()
        .with_context(|| envoy.display().to_string())
}

/// The last lines of a log.
pub fn tail(file: &Path) -> String {
    const LINES: usize = 60;
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
