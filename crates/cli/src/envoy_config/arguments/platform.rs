//! The arguments that make an Envoy the edge of a whole platform: a front door for every host
//! name, and listeners that only parts of the platform reach.

use clap::Args;
use std::path::{self, PathBuf};
use tollgate_envoy_config::{Address, FrontDoor, Upstream};

#[derive(Args, Debug)]
pub(in crate::envoy_config) struct Platform {
    #[command(flatten)]
    front_door: Option<FrontDoorOf>,

    /// Plain HTTP for applications of the platform: like --listen, but they may say in
    /// x-openwebui-* headers who their user is. Let nobody else reach it
    #[arg(
        long,
        value_name = "[HOST:]PORT",
        value_parser = Address::listening,
        conflicts_with = "fragment"
    )]
    listen_applications: Option<Address>,

    /// GET /stats/prometheus of the admin interface, and nothing else of it
    #[arg(
        long,
        value_name = "[HOST:]PORT",
        value_parser = Address::listening,
        requires = "admin",
        conflicts_with = "fragment"
    )]
    listen_metrics: Option<Address>,
}

/// All or none of the first three.
#[derive(Args, Debug)]
#[group(
    requires_all = ["api_host", "certificate", "other_hosts"],
    conflicts_with = "fragment"
)]
struct FrontDoorOf {
    /// Make --listen a front door: over TLS, this host name is the API's, and no other
    #[arg(long, value_name = "NAME", value_parser = host_name, required = false)]
    api_host: String,

    /// The front door's certificate: a folder with tls.crt and tls.key, for all host names
    #[arg(long, value_name = "DIR", required = false)]
    certificate: PathBuf,

    /// Where the front door's other host names go, without the module
    #[arg(long, value_name = "[https://]HOST:PORT", value_parser = upstream, required = false)]
    other_hosts: Upstream,

    /// Prove Envoy to --other-hosts: a folder with tls.crt, tls.key and ca.crt
    #[arg(long, value_name = "DIR")]
    other_hosts_identity: Option<PathBuf>,

    /// Where plain HTTP arrives: challenges of certificate authorities go to --other-hosts, other
    /// requests are sent to https, or refused if they are for the API
    #[arg(long, value_name = "[HOST:]PORT", value_parser = Address::listening)]
    listen_plain: Option<Address>,

    /// Connections begin with the PROXY protocol's header, which says whose they are
    #[arg(long)]
    proxy_protocol: bool,
}

impl Platform {
    /// None if `--listen` is for the API alone.
    pub(super) fn front_door(&self) -> anyhow::Result<Option<FrontDoor>> {
        self.front_door.as_ref().map(FrontDoorOf::parse).transpose()
    }

    pub(super) fn applications(&self) -> Option<Address> {
        self.listen_applications.clone()
    }

    pub(super) fn metrics(&self) -> Option<Address> {
        self.listen_metrics.clone()
    }
}

impl FrontDoorOf {
    fn parse(&self) -> anyhow::Result<FrontDoor> {
        let mut other_hosts = self.other_hosts.clone();
        if let Some(folder) = &self.other_hosts_identity {
            anyhow::ensure!(
                other_hosts.tls,
                "--other-hosts-identity: --other-hosts is not https"
            );
            other_hosts.identity = Some(path::absolute(folder)?);
        }
        Ok(FrontDoor {
            host: self.api_host.clone(),
            certificate: path::absolute(&self.certificate)?,
            other_hosts,
            plain: self.listen_plain.clone(),
            proxy_protocol: self.proxy_protocol,
        })
    }
}

/// In HTTP/1.1, in which browsers' live connections are upgraded.
fn upstream(text: &str) -> Result<Upstream, String> {
    match Upstream::parse(text, false) {
        Ok((name, upstream)) if name == "default" => Ok(upstream),
        Ok((name, _)) => Err(format!("'{name}=': it has no name")),
        Err(error) => Err(error.to_string()),
    }
}

fn host_name(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("'{text}' is not a host name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        platform: Platform,

        #[arg(long)]
        admin: Option<String>,

        #[arg(long)]
        fragment: bool,
    }

    fn parse(arguments: &str) -> Result<Platform, String> {
        let words = std::iter::once("envoy-config").chain(arguments.split_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string());
        cli.map(|cli| cli.platform)
    }

    const DOOR: &str =
        "--api-host API.example.com --certificate /etc/door --other-hosts https://platform:8443";

    #[test]
    fn a_front_door_is_whole_or_not_there() {
        assert!(parse("").unwrap().front_door().unwrap().is_none());
        let door = parse(DOOR).unwrap().front_door().unwrap().unwrap();
        assert_eq!(door.host, "api.example.com");
        assert!(door.other_hosts.tls && !door.other_hosts.http2 && door.plain.is_none());
        for part in [
            "--api-host a.example",
            "--certificate /etc/door",
            "--other-hosts platform:80",
            "--proxy-protocol",
            "--listen-plain 8081",
        ] {
            let error = parse(part).unwrap_err();
            assert!(
                error.contains("required arguments were not provided"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_fragment_has_no_listeners() {
        for part in [
            DOOR,
            "--listen-applications 8081",
            "--listen-metrics 9090 --admin 9901",
        ] {
            let error = parse(&format!("{part} --fragment")).unwrap_err();
            assert!(error.contains("cannot be used with"), "{error}");
        }
    }

    #[test]
    fn an_identity_is_for_https() {
        let plain = DOOR.replace("https://", "");
        let platform = parse(&format!("{plain} --other-hosts-identity /etc/tls")).unwrap();
        let error = platform.front_door().unwrap_err().to_string();
        assert_eq!(error, "--other-hosts-identity: --other-hosts is not https");
    }

    #[test]
    fn names_that_are_none() {
        for name in ["*", "*.example.com", "a..b", "-a.b", "a b", ""] {
            assert!(host_name(name).is_err(), "{name}");
        }
        assert!(upstream("name=platform:80").is_err());
    }

    #[test]
    fn metrics_are_the_admin_interfaces() {
        let error = parse("--listen-metrics 9090").unwrap_err();
        assert!(error.contains("--admin"), "{error}");
        assert!(parse("--listen-metrics 9090 --admin 9901").is_ok());
    }
}
