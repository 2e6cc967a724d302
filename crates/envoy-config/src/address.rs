//! Addresses, as the command line gives them and as Envoy takes them.

use serde_json::{Value, json};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

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
        if let Some(port) = text.parse().ok().filter(|port| *port != 0) {
            return Ok(Self {
                host: "127.0.0.1".into(),
                port,
            });
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
        let port = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(malformed)?;
        let host = match host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            Some(v6) if v6.parse::<Ipv6Addr>().is_ok() => v6,
            Some(_) => return Err(malformed()),
            None => host,
        };
        let bare_v6 = host.contains(':') && !text.starts_with('[');
        let name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || bare_v6 || !host.chars().all(name) {
            return Err(malformed());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
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

/// As Envoy has it, to listen on or to connect to.
pub(crate) fn socket_address(address: &Address) -> Value {
    json!({ "socket_address": { "address": address.host, "port_value": address.port } })
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
                write!(
                    f,
                    "'{text}' is not HOST:PORT (IPv6: [ADDRESS]:PORT, port 1 to 65535)"
                )
            }
            Self::NotAnIp(host) => {
                write!(
                    f,
                    "'{host}' is not an IP address; Envoy listens on addresses, not names"
                )
            }
            Self::Scheme(scheme) => {
                write!(f, "'{scheme}://' is neither 'http://' nor 'https://'")
            }
        }
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_both_families() {
        for (text, host) in [
            ("vllm:8000", "vllm"),
            ("10.0.0.1:8000", "10.0.0.1"),
            ("[2001:db8::1]:8000", "2001:db8::1"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, 8000));
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn says_what_an_address_looks_like() {
        for text in [
            "",
            "vllm",
            "vllm:",
            ":80",
            "vllm:0",
            "vllm:65536",
            "a b:80",
            "[x]:80",
            "::1:80",
        ] {
            let error = Address::from_str(text).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("'{text}' is not HOST:PORT (IPv6: [ADDRESS]:PORT, port 1 to 65535)")
            );
        }
    }

    #[test]
    fn listens_on_loopback_unless_told() {
        assert_eq!(
            Address::listening("8080").unwrap().to_string(),
            "127.0.0.1:8080"
        );
        assert_eq!(
            Address::listening("0.0.0.0:8080").unwrap().to_string(),
            "0.0.0.0:8080"
        );
        assert_eq!(
            Address::listening("gateway:8080").unwrap_err().to_string(),
            "'gateway' is not an IP address; Envoy listens on addresses, not names"
        );
    }
}
