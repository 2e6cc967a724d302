//! What the command line says about an Envoy: addresses, limits and timeouts, as typed values.

use crate::address::{Address, AddressError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tollgate_core::document::DEFAULT_UPSTREAM;

/// Everything a configuration depends on besides the policy.
#[derive(Clone, Debug)]
pub struct Options {
    /// The module's path as Envoy sees it.
    pub module: PathBuf,
    /// The folder of the generated files as Envoy sees it. Envoy watches it for renames.
    pub directory: PathBuf,
    /// By the name that targets use.
    pub upstreams: BTreeMap<String, Upstream>,
    /// Credential name to the path of a file that holds the bare secret, as Envoy sees it.
    pub credentials: BTreeMap<String, PathBuf>,
    /// The contents of the [`crate::CLUSTERS_FILE`] that is about to be replaced, if there is one:
    /// the policy in force may need its clusters a little longer.
    pub previous_clusters: Option<String>,
    /// OTLP collector (gRPC) for traces and logs.
    pub otlp: Option<Address>,
    /// The access log's file; absent: standard output.
    pub access_log: Option<PathBuf>,
    /// Certificate authorities that `https` upstreams are verified against (PEM).
    pub ca_file: PathBuf,
    /// How many proxies in front are trusted to append to `x-forwarded-for`.
    pub trusted_hops: u32,
    /// Bounds on what clients may take.
    pub limits: Limits,
    /// How long things may last.
    pub timeouts: Timeouts,
}

/// Where an Envoy of its own listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listeners {
    /// For clients: plain HTTP, unless there is a front door.
    pub clients: Address,
    /// What makes the clients' address the one public address of a platform.
    pub front_door: Option<FrontDoor>,
    /// For applications of the platform that are trusted to say who their user is; plain HTTP.
    pub applications: Option<Address>,
    /// For whoever collects metrics: `GET /stats/prometheus` and nothing else of the admin
    /// interface, which has to be there.
    pub metrics: Option<Address>,
    /// For the admin interface; absent: none. Whoever reaches it can stop the gateway.
    pub admin: Option<Address>,
}

/// One public address for the API and for everything else, by host name and over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontDoor {
    /// The host name of the API; no other reaches the module.
    pub host: String,
    /// The folder, as Envoy sees it, of `tls.crt` and `tls.key`, for all host names.
    pub certificate: PathBuf,
    /// Where every other host goes, without the module.
    pub other_hosts: Upstream,
    /// Where plain HTTP arrives: a certificate authority's challenges go to the other hosts'
    /// upstream, the API refuses, and other hosts are sent to https.
    pub plain: Option<Address>,
    /// Whether a load balancer says in front of each connection whose it is (PROXY protocol).
    pub proxy_protocol: bool,
}

/// Bounds on what clients may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body; larger ones get 413.
    pub body: u64,
    /// Bytes of Envoy's heap at which it sheds load.
    pub heap: u64,
    /// Client connections at once.
    pub connections: u64,
}

/// How long things may last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// No byte in either direction: the wait for a first token and the gap between two events.
    pub idle: Duration,
    /// A whole request and its answer, however lively.
    pub stream: Duration,
    /// The client's sending of its whole request.
    pub request: Duration,
    /// Connecting to an upstream, before the next one is tried.
    pub connect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 << 20,
            heap: 2 << 30,
            connections: 20_000,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(600),
            stream: Duration::from_secs(3600),
            request: Duration::from_secs(300),
            connect: Duration::from_secs(2),
        }
    }
}

/// A server that answers for models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Where it is.
    pub address: Address,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Whether it is spoken to in HTTP/2.
    pub http2: bool,
    /// The folder, as Envoy sees it, of what we prove ourselves with to it: `tls.crt`, `tls.key`,
    /// and `ca.crt`, which it is verified against. Absent: it does not ask.
    pub identity: Option<PathBuf>,
}

impl Upstream {
    /// Reads `[NAME=][http://|https://]HOST:PORT`; no name means [`DEFAULT_UPSTREAM`].
    pub fn parse(text: &str, http2: bool) -> Result<(String, Self), AddressError> {
        let (name, place) = text.split_once('=').unwrap_or((DEFAULT_UPSTREAM, text));
        let (tls, place) = match place.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some((scheme, _)) => return Err(AddressError::Scheme(scheme.to_owned())),
            None => (false, place),
        };
        let address = place.trim_end_matches('/').parse()?;
        Ok((
            name.to_owned(),
            Self {
                address,
                tls,
                http2,
                identity: None,
            },
        ))
    }

    /// What requests name as their host: without the port where the scheme implies it.
    pub(crate) fn authority(&self) -> String {
        let implied = if self.tls { 443 } else { 80 };
        let text = self.address.to_string();
        match text.strip_suffix(&format!(":{implied}")) {
            Some(host) => host.to_owned(),
            None => text,
        }
    }
}

/// A duration as protobuf's JSON writes it.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_has_a_name_and_a_scheme_or_neither() {
        for (text, name, authority, tls) in [
            ("vllm:8000", "default", "vllm:8000", false),
            ("east=http://vllm:80/", "east", "vllm", false),
            (
                "cloud=https://api.example.com:443",
                "cloud",
                "api.example.com",
                true,
            ),
            ("v6=https://[::1]:80", "v6", "[::1]:80", true),
        ] {
            let (found, upstream) = Upstream::parse(text, false).unwrap();
            let found = (found.as_str(), upstream.authority(), upstream.tls);
            assert_eq!(found, (name, authority.to_owned(), tls));
        }
        assert_eq!(
            Upstream::parse("ftp://vllm:21", false)
                .unwrap_err()
                .to_string(),
            "'ftp://' is neither 'http://' nor 'https://'"
        );
    }
}
