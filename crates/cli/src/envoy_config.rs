//! `tollgate envoy-config`: reads the command line, writes the files.

use crate::failure::Failure;
use crate::{output, policy};
use anyhow::{Context, bail};
use clap::Args;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tollgate_envoy_config::{Address, Limits, Options, Timeouts, Upstream};

/// What the configuration is made from.
#[derive(Args, Debug)]
pub(crate) struct EnvoyConfig {
    /// Folder of rule files
    #[arg(long, value_name = "DIR")]
    policies: PathBuf,

    /// The module, tollgate_gateway.wasm
    #[arg(long, value_name = "FILE")]
    module: PathBuf,

    /// A server that targets name; without a name it is `default`
    #[arg(
        long = "upstream",
        value_name = "[NAME=][https://]HOST:PORT",
        required = true
    )]
    upstreams: Vec<String>,

    /// Where clients connect; a bare port is on loopback
    #[arg(long, value_name = "[HOST:]PORT", value_parser = Address::listening)]
    listen: Address,

    /// Envoy's admin interface; a bare port is on loopback
    #[arg(long, value_name = "[HOST:]PORT", value_parser = Address::listening)]
    admin: Option<Address>,

    /// A file that holds nothing but the secret which targets name
    #[arg(long = "credential", value_name = "NAME=FILE")]
    credentials: Vec<String>,

    /// Speak HTTP/2 to the upstreams
    #[arg(long)]
    upstream_http2: bool,

    /// Send traces and logs to this OpenTelemetry collector (gRPC)
    #[arg(long, value_name = "HOST:PORT")]
    otlp: Option<Address>,

    /// Where the access log goes
    #[arg(long, value_name = "FILE", default_value = "/dev/stdout")]
    access_log: PathBuf,

    /// Certificate authorities (PEM) that https upstreams are verified against
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/ssl/certs/ca-certificates.crt"
    )]
    ca_file: PathBuf,

    /// Proxies in front of Envoy whose x-forwarded-for entries are believed
    #[arg(long, value_name = "N", default_value_t = 0)]
    trusted_hops: u32,

    /// Largest request body in bytes; larger ones get 413
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body)]
    max_body: u64,

    /// Heap in bytes at which Envoy sheds load
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().heap)]
    max_heap: u64,

    /// Client connections at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: u64,

    /// Longest silence: the wait for a first token, the gap between two events
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "600")]
    idle_timeout: Duration,

    /// Longest life of a request and its answer together
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "3600")]
    stream_timeout: Duration,

    /// Longest that a client may take to send its request
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "300")]
    request_timeout: Duration,

    /// Longest that connecting to an upstream may take before the next one is tried
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "2")]
    connect_timeout: Duration,

    /// Folder to write to; made if absent
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Writes the configuration for a policy, discovery files first.
pub(crate) fn run(command: &EnvoyConfig, out: &mut impl Write) -> Result<(), Failure> {
    let folder = &command.output;
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let document = policy::compile(&command.policies)?;
    let files = tollgate_envoy_config::generate(&document, &command.options()?)?;
    for file in &files {
        output::write_file(&folder.join(&file.name), file.contents.as_bytes())?;
        writeln!(out, "{}", folder.join(&file.name).display())?;
    }
    Ok(())
}

impl EnvoyConfig {
    fn options(&self) -> anyhow::Result<Options> {
        let mut upstreams = BTreeMap::new();
        for text in &self.upstreams {
            let (name, upstream) = Upstream::parse(text, self.upstream_http2)?;
            if upstreams.insert(name.clone(), upstream).is_some() {
                bail!("--upstream {name} is given twice");
            }
        }
        let mut credentials = BTreeMap::new();
        for text in &self.credentials {
            let Some((name, file)) = text.split_once('=') else {
                bail!("--credential {text} is not NAME=FILE")
            };
            credentials.insert(name.to_owned(), std::path::absolute(file)?);
        }
        Ok(Options {
            listen: self.listen.clone(),
            admin: self.admin.clone(),
            module: std::path::absolute(&self.module)?,
            directory: std::path::absolute(&self.output)?,
            upstreams,
            credentials,
            otlp: self.otlp.clone(),
            access_log: self.access_log.clone(),
            ca_file: self.ca_file.clone(),
            trusted_hops: self.trusted_hops,
            limits: Limits {
                body: self.max_body,
                heap: self.max_heap,
                connections: self.max_connections,
            },
            timeouts: Timeouts {
                idle: self.idle_timeout,
                stream: self.stream_timeout,
                request: self.request_timeout,
                connect: self.connect_timeout,
            },
        })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
