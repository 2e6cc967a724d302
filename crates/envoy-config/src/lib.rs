//! Writes and checks the Envoy configuration that loads Tollgate's module.
//!
//! Pure: a policy and options go in, file names and contents come out. One module per concern of
//! the configuration; each value says there why it is what it is.
//!
//! The bootstrap holds what lives as long as the process (listener, limits, metrics). What a
//! policy edit may change comes by discovery from files in the same folder, so that Envoy swaps it
//! while streams run: clusters (`clusters.json`), upstream secrets (`secret-NAME.json`), what it
//! proves itself to upstreams with (`certificate-*.json`, `authority-*.json`) and the module's configuration (`module.json`).

mod access_log;
mod address;
mod bootstrap;
mod certificates;
mod check;
mod clusters;
mod discovery;
mod early_headers;
mod fragment;
mod front_door;
mod listener;
mod local_replies;
mod managers;
mod metrics_listener;
mod options;
mod otlp;
mod overload;
mod place;
mod requirements;
mod retired;
mod secrets;
mod stats;
mod upstream_tls;

use clusters::Group;
use serde_json::Value;
use std::fmt;
use tollgate_core::document::Document;

pub use address::{Address, AddressError};
pub use check::{CheckError, Finding, Remedy, check};
pub use options::{FrontDoor, Limits, Listeners, Options, Timeouts, Upstream};

/// The request header in which the module names the cluster to use.
pub const CLUSTER_HEADER: &str = "x-tollgate-cluster";

/// The discovery file of the clusters.
pub const CLUSTERS_FILE: &str = "clusters.json";

/// A file of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name in the configuration's folder.
    pub name: String,
    /// Its whole contents.
    pub contents: String,
}

/// A complete configuration: `bootstrap.json` and its discovery files.
///
/// The files are in the order in which they should be written over older ones: a cluster exists
/// before the module names it.
///
/// # Errors
/// [`Missing`] when a target names an upstream or a credential that the options do not have.
pub fn generate(
    document: &Document,
    listeners: &Listeners,
    options: &Options,
) -> Result<Vec<File>, Missing> {
    let mut files = discovery_files(document, listeners.front_door.as_ref(), options)?;
    files.push(json_file(
        "bootstrap.json",
        &bootstrap::bootstrap(listeners, options),
    ));
    Ok(files)
}

/// What an existing Envoy needs: `fragment.yaml`, to be merged into its configuration by hand,
/// and the discovery files.
///
/// # Errors
/// As [`generate`].
pub fn fragment(document: &Document, options: &Options) -> Result<Vec<File>, Missing> {
    let mut files = discovery_files(document, None, options)?;
    files.push(File {
        name: "fragment.yaml".into(),
        contents: fragment::fragment(options),
    });
    Ok(files)
}

fn discovery_files(
    document: &Document,
    front_door: Option<&FrontDoor>,
    options: &Options,
) -> Result<Vec<File>, Missing> {
    let groups: Vec<Group> = clusters::groups(document, options)?;
    let version = &document.version;
    let credentials = (groups.iter()).filter_map(|group| group.credential.as_deref());
    let identities = (groups.iter().flat_map(|group| &group.upstreams))
        .chain(front_door.map(|door| &door.other_hosts))
        .filter_map(|upstream| upstream.identity.as_deref());
    let own = front_door.map(|door| door.certificate.as_path());
    let mut files: Vec<File> = (secrets::resources(credentials, options).into_iter())
        .chain(certificates::resources(own.into_iter(), identities))
        .map(|(name, resource)| discovery::file(&name, version, &[resource]))
        .collect();
    let mut clusters = clusters::resources(&groups, options);
    if let Some(previous) = &options.previous_clusters {
        clusters.extend(retired::clusters(previous, version, &clusters));
    }
    files.push(discovery::file(CLUSTERS_FILE, version, &clusters));
    let module = discovery::module(document, options);
    files.push(discovery::file(discovery::MODULE, version, &[module]));
    Ok(files)
}

/// Names that the policy uses and the options do not define. Each line says which and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub Vec<String>);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Missing {}

fn json_file(name: &str, value: &Value) -> File {
    // `{:#}` of a `Value` is its pretty-printed JSON.
    File {
        name: name.to_owned(),
        contents: format!("{value:#}\n"),
    }
}
