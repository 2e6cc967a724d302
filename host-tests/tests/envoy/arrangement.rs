//! One Envoy with its upstream, arranged as a scenario asks for it.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::runtime::Runtime;
use tollgate_host_tests::check;
use tollgate_host_tests::corpus::Test;
use tollgate_host_tests::envoy::{AccessLog, Envoy, Programs};
use tollgate_host_tests::scenario::{Gateway, Protocol};
use tollgate_host_tests::stage::{Played, Stage};
use tollgate_host_tests::upstream::Upstream;

/// Upstreams of ours that the rule files name. One more, `dead`, takes no connection.
const UPSTREAMS: [&str; 3] = ["default", "east", "west"];
/// Names of upstream secrets; `credentials/` has no file for the second.
const CREDENTIALS: [&str; 2] = ["pool-key", "absent-key"];

/// Worker threads of an Envoy: enough for two VMs to differ.
const WORKERS: usize = 2;

/// An Envoy and what stands around it.
pub(crate) struct Arrangement {
    pub(crate) gateway: Gateway,
    pub(crate) envoy: Envoy,
    pub(crate) stage: Stage,
    pub(crate) access_log: AccessLog,
}

impl Arrangement {
    /// Starts the upstream, then Envoy.
    pub(crate) fn start(
        gateway: Gateway,
        programs: &Programs,
        folder: &Path,
        runtime: &Runtime,
        dead: SocketAddr,
    ) -> Result<Self> {
        let protocol = match gateway {
            Gateway::Http2Upstream => Protocol::H2,
            _ => Protocol::H1,
        };
        let upstream = runtime.block_on(Upstream::start(&UPSTREAMS, protocol))?;
        let folder = folder.join(gateway.name());
        programs.configure(&folder, &arguments(gateway, &upstream, dead))?;
        tamper(gateway, &folder.join("module.json"))?;
        let mut envoy = Envoy::start(programs, folder, WORKERS)?;
        if !matches!(gateway, Gateway::NoPolicy | Gateway::BrokenPolicy) {
            envoy.wait_until_ready()?;
        }
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

    /// One line for each promise of a test that was not kept, but for its metrics.
    pub(crate) fn problems(
        &self,
        test: &Test,
        source: Ipv4Addr,
        played: &Played,
    ) -> Result<Vec<String>> {
        let seen = &played.seen;
        let records = self.access_log.of(source, seen.len())?;
        let mut problems = Vec::from_iter(played.stopped.clone());
        if records.len() != seen.len() {
            let (expected, written) = (seen.len(), records.len());
            problems.push(format!(
                "access log: expected {expected} records, saw {written}"
            ));
        }
        for (i, (exchange, seen)) in test.exchanges.iter().zip(seen).enumerate() {
            let wrong = check::problems(exchange, seen, records.get(i));
            problems.extend(
                wrong
                    .iter()
                    .map(|problem| format!("exchange {i}: {problem}")),
            );
        }
        if !problems.is_empty() {
            let shown = records
                .iter()
                .map(|r| format!("record: {}", without_nulls(r)));
            problems.extend(shown);
        }
        Ok(problems)
    }
}

fn arguments(gateway: Gateway, upstream: &Upstream, dead: SocketAddr) -> Vec<OsString> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut arguments = vec!["--policies".into(), here.join("policies").into()];
    for (name, address) in upstream.addresses() {
        arguments.extend(["--upstream".into(), format!("{name}={address}").into()]);
    }
    arguments.extend(["--upstream".into(), format!("dead={dead}").into()]);
    for name in CREDENTIALS {
        let mut argument = OsString::from(format!("{name}="));
        argument.push(here.join("credentials").join(name));
        arguments.extend(["--credential".into(), argument]);
    }
    let own: &[&str] = match gateway {
        Gateway::Impatient => &["--idle-timeout", "1", "--request-timeout", "3"],
        Gateway::Http2Upstream => &["--upstream-http2"],
        Gateway::Default | Gateway::NoPolicy | Gateway::BrokenPolicy => &[],
    };
    arguments.extend(own.iter().map(OsString::from));
    arguments
}

/// Takes the policy away, or makes it one that no module can read.
fn tamper(gateway: Gateway, discovery: &Path) -> Result<()> {
    match gateway {
        Gateway::NoPolicy => fs::write(discovery, r#"{"version_info": "none", "resources": []}"#)?,
        Gateway::BrokenPolicy => {
            let mut file: Value = serde_json::from_slice(&fs::read(discovery)?)?;
            let policy = file.pointer_mut("/resources/0/typed_config/config/configuration/value");
            *policy.context("no configuration in module.json")? = "{\"format\":2}".into();
            fs::write(discovery, file.to_string())?;
        }
        Gateway::Default | Gateway::Impatient | Gateway::Http2Upstream => {}
    }
    Ok(())
}

fn without_nulls(record: &Value) -> Value {
    let mut record = record.clone();
    if let Some(fields) = record.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    record
}
