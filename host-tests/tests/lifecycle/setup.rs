//! What an Envoy of a test's own is started from, and edited by while it runs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::runtime::Runtime;
use tollgate_host_tests::envoy::{Envoy, Programs};
use tollgate_host_tests::scenario::Protocol;
use tollgate_host_tests::upstream::Upstream;

use crate::gateway::Gateway;

/// Worker threads of an Envoy unless a test says otherwise.
pub(crate) const WORKERS: usize = 2;

/// What an Envoy is started from.
pub(crate) struct Setup {
    pub(crate) programs: Programs,
    pub(crate) runtime: Runtime,
    pub(crate) upstream: Arc<Upstream>,
    /// Rule files and, below `envoy/`, what Envoy reads and writes.
    folder: PathBuf,
    /// For `tollgate envoy-config`, beside those that every Envoy has.
    pub(crate) arguments: Vec<OsString>,
}

impl Setup {
    /// With the gateway module and the upstreams `default`, `east` and `west`.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        Self::before(folder, Protocol::H1)
    }

    /// The same with upstreams that speak HTTP/2.
    pub(crate) fn with_http2(folder: &Path) -> Result<Self> {
        let mut setup = Self::before(folder, Protocol::H2)?;
        setup.arguments.push("--upstream-http2".into());
        Ok(setup)
    }

    fn before(folder: &Path, protocol: Protocol) -> Result<Self> {
        let runtime = Runtime::new()?;
        let names = ["default", "east", "west"];
        let upstream = runtime.block_on(Upstream::start(&names, protocol))?;
        Ok(Self {
            programs: Programs::from_env()?,
            runtime,
            upstream: Arc::new(upstream),
            folder: folder.to_owned(),
            arguments: Vec::new(),
        })
    }

    /// With another module of ours in place of the gateway's.
    pub(crate) fn module(mut self, name: &str) -> Result<Self> {
        let module = self.programs.modules().join(name);
        ensure!(
            module.is_file(),
            "{} is missing: `make test` builds it",
            module.display()
        );
        self.programs = self.programs.with_module(module);
        Ok(self)
    }

    /// Another argument of `tollgate envoy-config` and its value.
    pub(crate) fn argument(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.arguments.extend([name.into(), value.into()]);
        self
    }

    /// Writes the rules and lets `tollgate envoy-config` write what Envoy reads, over what it
    /// reads already.
    pub(crate) fn configure(&self, rules: &str) -> Result<()> {
        let policies = self.folder.join("policies");
        fs::create_dir_all(&policies)?;
        fs::write(policies.join("rules.yaml"), rules)?;
        let mut arguments = vec!["--policies".into(), policies.into()];
        for (name, address) in self.upstream.addresses() {
            arguments.extend(["--upstream".into(), format!("{name}={address}").into()]);
        }
        arguments.extend(self.arguments.iter().cloned());
        self.programs.configure(&self.envoy_folder(), &arguments)
    }

    /// Where Envoy's configuration and logs are.
    pub(crate) fn envoy_folder(&self) -> PathBuf {
        self.folder.join("envoy")
    }

    /// A file that Envoy reads.
    pub(crate) fn read(&self, file: &str) -> Result<Value> {
        let file = self.envoy_folder().join(file);
        let contents = fs::read(&file).with_context(|| file.display().to_string())?;
        Ok(serde_json::from_slice(&contents)?)
    }

    /// Puts contents in a file's place in one step.
    pub(crate) fn swap(&self, file: &str, contents: &str) -> Result<()> {
        let file = self.envoy_folder().join(file);
        swap(&file, contents)
    }

    /// Changes the HTTP filters that Envoy starts with.
    pub(crate) fn edit_filters(&self, edit: impl FnOnce(&mut Vec<Value>)) -> Result<()> {
        let mut bootstrap = self.read("bootstrap.json")?;
        let filters =
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
        let filters = bootstrap.pointer_mut(filters).and_then(Value::as_array_mut);
        edit(filters.context("no filters")?);
        self.swap("bootstrap.json", &bootstrap.to_string())
    }

    /// The version of the policy that was written last.
    pub(crate) fn version(&self) -> Result<String> {
        let module = self.read("module.json")?;
        let version = module["version_info"].as_str();
        Ok(version.context("module.json has no version")?.to_owned())
    }

    /// Starts Envoy and waits until the module has its policy.
    pub(crate) fn start(self) -> Result<Gateway> {
        self.start_with(WORKERS)
    }

    /// The same with this many worker threads.
    pub(crate) fn start_with(self, workers: usize) -> Result<Gateway> {
        let mut envoy = Envoy::start(&self.programs, self.envoy_folder(), workers)?;
        envoy.wait_until_ready()?;
        Ok(Gateway { envoy, setup: self })
    }
}

/// Puts contents in a file's place in one step.
pub(crate) fn swap(file: &Path, contents: &str) -> Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, contents)?;
    fs::rename(&new, file).with_context(|| file.display().to_string())
}
