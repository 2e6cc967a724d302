//! What the check says of a configuration.

mod common;
#[path = "check/detours.rs"]
mod detours;
#[path = "check/edited.rs"]
mod edited;
#[path = "check/meaning.rs"]
mod meaning;
#[path = "check/repetitions.rs"]
mod repetitions;

use common::{document, listeners, options};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use tollgate_envoy_config::{CheckError, File, Finding, check, generate};

#[test]
fn what_is_generated_lacks_nothing() {
    let files = generate(&document(), &listeners(), &options()).unwrap();
    assert_eq!(findings(&in_place(files)), "");
}

#[test]
fn listeners_by_discovery_are_checked_too() {
    let mut files = in_place(generate(&document(), &listeners(), &options()).unwrap());
    let bootstrap = files.get_mut(BOOTSTRAP).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(bootstrap).unwrap();
    let listeners = value["static_resources"]["listeners"].take();
    value["dynamic_resources"]["lds_config"]["path_config_source"]["path"] = "lds.json".into();
    *bootstrap = value.to_string();
    let discovered = serde_json::json!({ "resources": listeners }).to_string();
    files.insert(
        "lds.json".into(),
        discovered.replace("KEEP_UNCHANGED", "REJECT_REQUEST"),
    );
    insta::assert_snapshot!(findings(&files), @"
    lds.json: resources[0].filter_chains[0].filters[0].typed_config.path_with_escaped_slashes_action
      a model's name with an escaped slash (`/v1/models/Qwen%2FQwen2.5`) would be changed, refused or redirected
      add: path_with_escaped_slashes_action: KEEP_UNCHANGED
    ");
}

#[test]
fn an_envoy_that_was_put_together_by_hand() {
    let files = [
        (BOOTSTRAP, include_str!("check/bootstrap.yaml")),
        (
            "/etc/tollgate/module.yaml",
            include_str!("check/module.yaml"),
        ),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    insta::assert_snapshot!(findings(&files.into()));
}

#[test]
fn trusted_proxies_are_pointed_out() {
    let mut options = options();
    options.trusted_hops = 2;
    let files = in_place(generate(&document(), &listeners(), &options).unwrap());
    assert!(checked(&files).unwrap().iter().all(|f| !f.is_mistake()));
    insta::assert_snapshot!(findings(&files), @"
    /etc/tollgate/bootstrap.json: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.xff_num_trusted_hops
      note: clients' addresses are taken from x-forwarded-for, entry 2 from the right: right only if as many proxies stand in front, and nobody gets around them
    ");
}

#[test]
fn spans_that_a_client_could_hide() {
    let mut with_collector = options();
    with_collector.otlp = Some("127.0.0.1:4317".parse().unwrap());
    let mut files = in_place(generate(&document(), &listeners(), &with_collector).unwrap());
    assert_eq!(findings(&files), "");
    let bootstrap = files.get_mut(BOOTSTRAP).unwrap();
    *bootstrap = bootstrap.replace("\"remove\": \"traceparent\"", "\"remove\": \"x-other\"");
    insta::assert_snapshot!(findings(&files), @"
    /etc/tollgate/bootstrap.json: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.early_header_mutation_extensions
      a client could hide its spans by a traceparent that is not sampled, or put them into another trace
      add: {remove: traceparent}, {remove: tracestate}
    ");
}

#[test]
fn an_envoy_without_the_filter() {
    let files = BTreeMap::from([(BOOTSTRAP.to_owned(), "static_resources: {}".to_owned())]);
    let findings = findings(&files);
    assert!(
        findings.contains("no connection manager has Tollgate's filter"),
        "{findings}"
    );
}

#[test]
fn what_is_no_configuration() {
    let files = BTreeMap::from([(BOOTSTRAP.to_owned(), "{\"admin\": ".to_owned())]);
    let error = checked(&files).unwrap_err().to_string();
    assert_eq!(
        error,
        "neither JSON nor YAML: EOF while parsing a value at line 1 column 10"
    );
    assert!(matches!(
        checked(&BTreeMap::new()),
        Err(CheckError::Unreadable(_))
    ));
}

const BOOTSTRAP: &str = "/etc/tollgate/bootstrap.json";

/// The files by the paths at which Envoy finds them.
fn in_place(files: Vec<File>) -> BTreeMap<String, String> {
    let place = |file: File| (format!("/etc/tollgate/{}", file.name), file.contents);
    files.into_iter().map(place).collect()
}

fn findings(files: &BTreeMap<String, String>) -> String {
    let findings: Vec<String> = checked(files)
        .unwrap()
        .iter()
        .map(Finding::to_string)
        .collect();
    findings.join("\n")
}

fn checked(files: &BTreeMap<String, String>) -> Result<Vec<Finding>, CheckError> {
    let absent = || io::Error::new(io::ErrorKind::NotFound, "no such file");
    let read = |path: &Path| {
        files
            .get(path.to_str().unwrap())
            .cloned()
            .ok_or_else(absent)
    };
    check(Path::new(BOOTSTRAP), &read)
}
