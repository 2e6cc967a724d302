//! The arguments that may be left at their defaults: bounds on clients, how long things may last.

use clap::Args;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tollgate_envoy_config::{Address, Limits, Timeouts};

/// What may be left at its default.
#[derive(Args, Debug)]
pub(in crate::envoy_config) struct Tuning {
    /// Speak HTTP/2 to the upstreams
    #[arg(long)]
    pub(super) upstream_http2: bool,

    /// Certificate authorities (PEM) that https upstreams are verified against
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/ssl/certs/ca-certificates.crt"
    )]
    pub(super) ca_file: PathBuf,

    /// Send traces and logs to this OpenTelemetry collector (gRPC)
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) otlp: Option<Address>,

    /// Where the access log goes, in place of standard output
    #[arg(long, value_name = "FILE")]
    pub(super) access_log: Option<PathBuf>,

    /// Proxies in front of Envoy whose x-forwarded-for entries are believed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) trusted_hops: u32,

    /// Largest request body in bytes, at most 32 MiB; larger ones get 413
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body,
        value_parser = clap::value_parser!(u64).range(1..=tollgate_core::uploads::LARGEST_BODY))]
    max_body: u64,

    /// Heap in bytes at which Envoy sheds load
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().heap)]
    max_heap: u64,

    /// Client connections at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: u64,

    /// Longest silence: the wait for a first token, the gap between two events
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Timeouts::default().idle))]
    idle_timeout: Seconds,

    /// Longest life of a request and its answer together
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Timeouts::default().stream))]
    stream_timeout: Seconds,

    /// Longest that a client may take to send its request
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Timeouts::default().request))]
    request_timeout: Seconds,

    /// Longest that connecting to an upstream may take before the next one is tried
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Timeouts::default().connect))]
    connect_timeout: Seconds,
}

impl Tuning {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            body: self.max_body,
            heap: self.max_heap,
            connections: self.max_connections,
        }
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        Timeouts {
            idle: self.idle_timeout.0,
            stream: self.stream_timeout.0,
            request: self.request_timeout.0,
            connect: self.connect_timeout.0,
        }
    }
}

/// As the command line gives a duration.
#[derive(Clone, Copy, Debug)]
struct Seconds(Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds: f64 = text
            .parse()
            .map_err(|_| format!("'{text}' is not a number of seconds"))?;
        let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
        Ok(Self(duration))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_secs_f64().fmt(f)
    }
}
