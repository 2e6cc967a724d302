//! What is written, as it is written.

mod common;

use common::{document, listeners, options};

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
