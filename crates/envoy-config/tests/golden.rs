//! What is written, as it is written.

mod common;

use common::{document, listeners, options, platform_listeners};
use serde_json::Value;

#[test]
fn a_whole_configuration() {
    let files = tollgate_envoy_config::generate(&document(), &listeners(), &options()).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    // In the order in which they may replace older ones.
    assert_eq!(
        names,
        [
            "secret-pool-key.json",
            "clusters.json",
            "module.json",
            "bootstrap.json"
        ]
    );
    for file in files {
        insta::assert_snapshot!(file.name, file.contents);
    }
}

#[test]
fn an_upstream_that_asks_who_is_calling() {
    let mut options = options();
    let cloud = options.upstreams.get_mut("cloud").unwrap();
    cloud.identity = Some("/etc/tls".into());
    let files = tollgate_envoy_config::generate(&document(), &listeners(), &options).unwrap();
    let text: String = (files.iter())
        .filter(|file| file.name.contains("etc-tls") || file.name == "clusters.json")
        .map(|file| format!("{}\n{}", file.name, file.contents))
        .collect();
    insta::assert_snapshot!("identity", text);
}

#[test]
fn the_edge_of_a_platform() {
    let files =
        tollgate_envoy_config::generate(&document(), &platform_listeners(), &options()).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert!(
        names.contains(&"certificate-etc-front.2d.door.json"),
        "{names:?}"
    );
    let bootstrap: Value = serde_json::from_str(&files.last().unwrap().contents).unwrap();
    let mut fixed = bootstrap["static_resources"].clone();
    // What is as in other configurations.
    for (listener, chain) in [(0, "/filter_chains/0"), (2, "/filter_chains/0")] {
        let place = format!("/listeners/{listener}{chain}/filters/0/typed_config");
        let manager = fixed.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        manager.retain(|field, _| {
            [
                "stat_prefix",
                "early_header_mutation_extensions",
                "route_config",
                "strip_trailing_host_dot",
            ]
            .contains(&&**field)
        });
    }
    insta::assert_snapshot!("platform", format!("{fixed:#}"));
}

#[test]
fn a_fragment() {
    let mut options = options();
    options.otlp = Some("collector:4317".parse().unwrap());
    let files = tollgate_envoy_config::fragment(&document(), &options).unwrap();
    let fragment = &files.last().unwrap().contents;
    insta::assert_snapshot!("fragment.yaml", fragment);
}

#[test]
fn what_the_policy_names_must_be_given() {
    let mut options = options();
    options.upstreams.remove("east");
    options.credentials.clear();
    let missing = tollgate_envoy_config::generate(&document(), &listeners(), &options).unwrap_err();
    insta::assert_snapshot!(missing, @"
    target 'pool' of model 'm' uses upstream 'east': give --upstream east=HOST:PORT
    target 'pool' of model 'm' uses credential 'pool-key': give --credential pool-key=FILE
    target 'stable' of model 'm' uses upstream 'east': give --upstream east=HOST:PORT
    ");
}
