//! The arguments of `tollgate envoy-config`, and the options that they mean.

mod platform;
mod tuning;

use anyhow::{Context, bail};
use clap::Args;
use std::collections::BTreeMap;
use std::path::{self, PathBuf};
use std::{fs, io};
use tollgate_envoy_config::{Address, CLUSTERS_FILE, Listeners, Options, Upstream};

use platform::Platform;
use tuning::Tuning;

#[derive(Args, Debug)]
pub(crate) struct EnvoyConfig {
    /// Say what this bootstrap (YAML or JSON) lacks, and write nothing
    #[arg(long, value_name = "BOOTSTRAP", exclusive = true)]
    pub(super) check: Option<PathBuf>,

    #[command(flatten)]
    pub(super) sources: Option<Sources>,

    #[command(flatten)]
    pub(super) platform: Platform,

    #[command(flatten)]
    pub(super) tuning: Tuning,
}

/// What a configuration is made from.
#[derive(Args, Debug)]
pub(super) struct Sources {
    /// Directory of rule files
    #[arg(long, value_name = "DIR")]
    pub(super) policies: PathBuf,

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
    #[arg(
        long,
        value_name = "[HOST:]PORT",
        value_parser = Address::listening,
        required_unless_present = "fragment"
    )]
    listen: Option<Address>,

    /// Envoy's admin interface; a bare port is on loopback
    #[arg(long, value_name = "[HOST:]PORT", value_parser = Address::listening)]
    admin: Option<Address>,

    /// A file that holds nothing but the secret which targets name
    #[arg(long = "credential", value_name = "NAME=FILE")]
    credentials: Vec<String>,

    /// Prove Envoy to an https upstream: a folder with tls.crt, tls.key and ca.crt
    #[arg(long = "identity", value_name = "UPSTREAM=DIR")]
    identities: Vec<String>,

    /// Write what an existing Envoy needs, in place of a bootstrap
    #[arg(long)]
    pub(super) fragment: bool,

    /// Directory to write to; made if absent
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: PathBuf,

    /// The output directory as Envoy sees it, if it is mounted elsewhere
    #[arg(long, value_name = "DIR")]
    mounted_at: Option<PathBuf>,
}

impl Sources {
    /// None if there is nothing to listen on, as in a fragment.
    pub(super) fn listeners(&self, platform: &Platform) -> anyhow::Result<Option<Listeners>> {
        let Some(clients) = self.listen.clone() else {
            return Ok(None);
        };
        Ok(Some(Listeners {
            clients,
            front_door: platform.front_door()?,
            applications: platform.applications(),
            metrics: platform.metrics(),
            admin: self.admin.clone(),
        }))
    }

    /// What the writer of the configuration takes.
    pub(super) fn options(&self, tuning: &Tuning) -> anyhow::Result<Options> {
        let directory = self.mounted_at.as_ref().unwrap_or(&self.output);
        Ok(Options {
            module: path::absolute(&self.module)?,
            directory: path::absolute(directory)?,
            upstreams: self.upstreams(tuning.upstream_http2)?,
            credentials: self.credentials()?,
            previous_clusters: self.previous_clusters()?,
            otlp: tuning.otlp.clone(),
            access_log: tuning.access_log.clone(),
            ca_file: tuning.ca_file.clone(),
            trusted_hops: tuning.trusted_hops,
            limits: tuning.limits(),
            timeouts: tuning.timeouts(),
        })
    }

    fn previous_clusters(&self) -> anyhow::Result<Option<String>> {
        let file = self.output.join(CLUSTERS_FILE);
        match fs::read_to_string(&file) {
            Ok(contents) => Ok(Some(contents)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("can't read {}", file.display())),
        }
    }

    fn upstreams(&self, http2: bool) -> anyhow::Result<BTreeMap<String, Upstream>> {
        let mut upstreams = BTreeMap::new();
        for text in &self.upstreams {
            let (name, upstream) = Upstream::parse(text, http2)?;
            if upstreams.insert(name.clone(), upstream).is_some() {
                bail!("--upstream {name} is given twice");
            }
        }
        for text in &self.identities {
            let Some((name, folder)) = text.split_once('=') else {
                bail!("--identity {text} is not UPSTREAM=DIR");
            };
            let Some(upstream) = upstreams.get_mut(name) else {
                bail!("--identity {name}: there is no --upstream of that name");
            };
            if !upstream.tls {
                bail!("--identity {name}: upstream {name} is not https");
            }
            if upstream.identity.replace(path::absolute(folder)?).is_some() {
                bail!("--identity {name} is given twice");
            }
        }
        Ok(upstreams)
    }

    fn credentials(&self) -> anyhow::Result<BTreeMap<String, PathBuf>> {
        let mut credentials = BTreeMap::new();
        for text in &self.credentials {
            let Some((name, file)) = text.split_once('=') else {
                bail!("--credential {text} is not NAME=FILE");
            };
            if credentials
                .insert(name.to_owned(), path::absolute(file)?)
                .is_some()
            {
                bail!("--credential {name} is given twice");
            }
        }
        Ok(credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::path::Path;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        command: EnvoyConfig,
    }

    fn parse(arguments: &str) -> Result<EnvoyConfig, String> {
        let words = std::iter::once("envoy-config").chain(arguments.split_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string());
        cli.map(|cli| cli.command)
    }

    fn listeners(command: &EnvoyConfig) -> Option<Listeners> {
        let sources = command.sources.as_ref().unwrap();
        sources.listeners(&command.platform).unwrap()
    }

    const SOURCES: &str = "--policies p --module m.wasm --upstream vllm:8000 -o out";

    #[test]
    fn a_check_needs_nothing_else_and_takes_nothing_else() {
        assert!(parse("--check bootstrap.yaml").unwrap().check.is_some());
        let error = parse(&format!("--check bootstrap.yaml {SOURCES}")).unwrap_err();
        assert!(
            error.contains("'--check <BOOTSTRAP>' cannot be used with"),
            "{error}"
        );
    }

    #[test]
    fn a_bootstrap_needs_a_place_to_listen_a_fragment_does_not() {
        let error = parse(SOURCES).unwrap_err();
        assert!(error.contains("--listen <[HOST:]PORT>"), "{error}");
        let fragment = parse(&format!("{SOURCES} --fragment")).unwrap();
        assert!(listeners(&fragment).is_none());
        let bootstrap = parse(&format!("{SOURCES} --listen 8080")).unwrap();
        let listeners = listeners(&bootstrap).unwrap();
        assert_eq!(listeners.clients.to_string(), "127.0.0.1:8080");
    }

    #[test]
    fn files_are_named_as_envoy_sees_them() {
        let mounted = format!("{SOURCES} --listen 8080 --mounted-at /etc/tollgate");
        let command = parse(&mounted).unwrap();
        let options = command.sources.unwrap().options(&command.tuning).unwrap();
        assert_eq!(options.directory, Path::new("/etc/tollgate"));
        assert!(options.module.is_absolute() && options.module.ends_with("m.wasm"));
    }

    #[test]
    fn a_name_is_given_once() {
        for twice in ["--upstream a:1", "--credential a=b --credential a=c"] {
            let command = parse(&format!("{SOURCES} --listen 8080 {twice}")).unwrap();
            let error = command
                .sources
                .unwrap()
                .options(&command.tuning)
                .unwrap_err();
            assert!(error.to_string().ends_with("is given twice"), "{error}");
        }
    }
}
