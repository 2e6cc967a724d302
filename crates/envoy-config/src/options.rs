//! What the command line says about an Envoy: addresses, limits and timeouts, as typed values.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tollgate_core::document::DEFAULT_UPSTREAM;

/// Everything a configuration depends on besides the policy.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where clients connect.
    pub listen: Address,
    /// Envoy's admin interface; absent: none. Whoever reaches it can stop the gateway.
    pub admin: Option<Address>,
    /// The module's path as Envoy sees it.
    pub module: PathBuf,
    /// The folder of the generated files as Envoy sees it. Envoy watches it for renames.
    pub directory: PathBuf,
    /// By the name that targets use.
    pub upstreams: BTreeMap<String, Upstream>,
    /// Credential name to the path of a file that holds the bare secret, as Envoy sees it.
    pub credentials: BTreeMap<String, PathBuf>,
    /// OTLP collector (gRPC) for traces and logs.
    pub otlp: Option<Address>,
    /// Where the access log goes.
    pub access_log: PathBuf,
    /// Certificate authorities that `https` upstreams are verified against (PEM).
    pub ca_file: PathBuf,
    /// How many proxies in front are trusted to append to `x-forwarded-for`.
    pub trusted_hops: u32,
    /// Bounds on what clients may take.
    pub limits: Limits,
    /// How long things may last.
    pub timeouts: Timeouts,
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
        Self { body: 32 << 20, heap: 2 << 30, connections: 20_000 }
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

/// A host (DNS name or IP address) and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// DNS name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Address {
    /// Reads `PORT` (on loopback) or `HOST:PORT`.
    pub fn listening(text: &str) -> Result<Self, AddressError> {
        if let Ok(port) = text.parse() {
            return Ok(Self { host: "127.0.0.1".into(), port });
        }
        let address: Self = text.parse()?;
        match address.ip() {
            Some(_) => Ok(address),
            None => Err(AddressError::NotAnIp(address.host)),
        }
    }

    /// The host as an IP address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `HOST:PORT` or `[IPV6]:PORT`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(malformed)?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(v6) if v6.parse::<std::net::Ipv6Addr>().is_ok() => v6,
            Some(_) => return Err(malformed()),
            None => host,
        };
        let bare_v6 = host.contains(':') && !text.starts_with('[');
        let name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || bare_v6 || !host.chars().all(name) {
            return Err(malformed());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip() {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
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
        Ok((name.to_owned(), Self { address, tls, http2 }))
    }
}

/// An address that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// Neither `HOST:PORT` nor `[IPV6]:PORT`.
    Malformed(String),
    /// A place to listen must be an IP address.
    NotAnIp(String),
    /// Neither `http` nor `https`.
    Scheme(String),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(text) => {
                write!(f, "`{text}` is not HOST:PORT (IPv6: [ADDRESS]:PORT, port 1 to 65535)")
            }
            Self::NotAnIp(host) => {
                write!(f, "`{host}` is not an IP address; Envoy listens on addresses, not names")
            }
            Self::Scheme(scheme) => {
                write!(f, "`{scheme}://` is neither `http://` nor `https://`")
            }
        }
    }
}

impl std::error::Error for AddressError {}
