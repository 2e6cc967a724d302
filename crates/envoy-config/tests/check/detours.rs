//! Configurations in which requests pass the module by.

use super::edited::{LISTENER, MANAGER, after, after_with, routes, with};
use serde_json::{Value, json};

fn switched_off() -> Value {
    json!({ "tollgate": {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        "disabled": true,
    } })
}

#[test]
fn a_host_that_envoy_answers_itself_is_no_way_past_the_module() {
    let with_route = |action: &str, value: Value| {
        let host = json!({
            "name": "others",
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, (action): value }],
            "typed_per_filter_config": switched_off(),
        });
        after(|bootstrap| {
            let hosts = format!("{MANAGER}/route_config/virtual_hosts");
            let hosts = bootstrap
                .pointer_mut(&hosts)
                .unwrap()
                .as_array_mut()
                .unwrap();
            hosts[0]["domains"] = json!(["api.example.com"]);
            hosts.push(host.clone());
        })
    };
    assert_eq!(with_route("direct_response", json!({ "status": 421 })), "");
    assert_eq!(
        with_route("redirect", json!({ "https_redirect": true })),
        ""
    );
    let elsewhere = with_route("route", json!({ "cluster": "elsewhere" }));
    assert!(
        elsewhere.contains("note: requests pass the module by here"),
        "{elsewhere}"
    );
}

#[test]
fn a_filter_that_is_switched_off_by_routes() {
    for (level, path) in [
        ("route_config", "route_config"),
        (
            "route_config/virtual_hosts/0",
            "route_config.virtual_hosts[0]",
        ),
        (
            "route_config/virtual_hosts/0/routes/0",
            "route_config.virtual_hosts[0].routes[0]",
        ),
    ] {
        let field = format!("{level}/typed_per_filter_config");
        let expected = format!(
            "MANAGER.{path}.typed_per_filter_config.tollgate.disabled
  requests would reach whichever cluster their sender names past the module: unmetered, with no key
  remove: what switches the filter off"
        );
        assert_eq!(with(&field, &switched_off()), expected);
    }
}

#[test]
fn a_weighted_cluster_that_switches_the_filter_off() {
    let route = json!({
        "match": { "prefix": "/v1" },
        "route": { "weighted_clusters": { "clusters": [
            { "name": "east", "weight": 1, "typed_per_filter_config": switched_off() },
        ] } },
    });
    let found = after(|bootstrap| routes(bootstrap).push(route.clone()));
    insta::assert_snapshot!(found, @"
    MANAGER.route_config.virtual_hosts[0].routes[1].route.weighted_clusters.clusters[0].typed_per_filter_config.tollgate.disabled
      requests would reach 'east' past the module: unmetered, with no key
      remove: what switches the filter off
    ");
}

#[test]
fn a_matchers_route_that_switches_the_filter_off() {
    let route = json!({
        "match": { "prefix": "/" },
        "route": { "cluster": "east" },
        "typed_per_filter_config": switched_off(),
    });
    let matcher = json!({ "on_no_match": { "action": { "name": "r", "typed_config": route } } });
    let found = with("route_config/virtual_hosts/0/matcher", &matcher);
    insta::assert_snapshot!(found, @"
    MANAGER.route_config.virtual_hosts[0].matcher.on_no_match.action.typed_config.typed_per_filter_config.tollgate.disabled
      requests would reach 'east' past the module: unmetered, with no key
      remove: what switches the filter off
    ");
}

/// An Envoy may serve more than Tollgate's.
#[test]
fn a_route_to_something_else_is_its_operators_to_judge() {
    let route = json!({
        "match": { "prefix": "/grafana" },
        "route": { "cluster": "grafana" },
        "typed_per_filter_config": switched_off(),
    });
    let found = after(|bootstrap| routes(bootstrap).insert(0, route.clone()));
    insta::assert_snapshot!(found, @"
    MANAGER.route_config.virtual_hosts[0].routes[0].typed_per_filter_config.tollgate.disabled
      note: requests pass the module by here: right only if this leads to no model's server
    ");
}

#[test]
fn a_route_that_replaces_the_policy() {
    let other = json!({ "tollgate": {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        "config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm" },
    } });
    insta::assert_snapshot!(with("route_config/typed_per_filter_config", &other), @"
    MANAGER.route_config.typed_per_filter_config.tollgate
      requests here would be decided by something else than the compiled policy
      remove: the entry 'tollgate'
    ");
    let nothing = json!({ "tollgate": {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
    } });
    assert_eq!(with("route_config/typed_per_filter_config", &nothing), "");
}

#[test]
fn a_filter_that_is_switched_off() {
    insta::assert_snapshot!(with("http_filters/0/disabled", &json!(true)), @"
    MANAGER.http_filters[0].disabled
      requests would pass the module by, with no key, wherever no route switches it on
      remove: disabled: true
    ");
}

#[test]
fn another_listener_to_the_same_clusters() {
    let found = after(|bootstrap| {
        let mut other = bootstrap.pointer(LISTENER).unwrap().clone();
        let chain = other["filter_chains"][0].take();
        let mut direct = chain.clone();
        let manager = &mut direct["filters"][0]["typed_config"];
        manager["http_filters"].as_array_mut().unwrap().remove(0);
        let mut named = direct.clone();
        let routes = "/filters/0/typed_config/route_config/virtual_hosts/0/routes/0/route";
        *named.pointer_mut(routes).unwrap() = json!({ "cluster": "east+cloud@pool-key" });
        let tcp = json!({ "filters": [{ "name": "tcp", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "weighted_clusters": { "clusters": [{ "name": "name" }, { "name": "elsewhere" }] },
        } }] });
        other["filter_chains"] = json!([direct, named]);
        other["default_filter_chain"] = tcp;
        let listeners = &mut bootstrap["static_resources"]["listeners"];
        listeners.as_array_mut().unwrap().push(other);
    });
    insta::assert_snapshot!(found.replace("static_resources.listeners[1]", "OTHER"), @"
    OTHER.filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0].route.cluster_header
      requests would reach whichever cluster their sender names past the module: unmetered, with no key
      remove: this, or put the filter 'tollgate' in front of it
    OTHER.filter_chains[1].filters[0].typed_config.route_config.virtual_hosts[0].routes[0].route.cluster
      requests would reach 'east+cloud@pool-key' past the module: unmetered, with no key
      remove: this, or put the filter 'tollgate' in front of it
    OTHER.default_filter_chain.filters[0].typed_config.weighted_clusters.clusters[0].name
      requests would reach 'name' past the module: unmetered, with no key
      remove: this, or put the filter 'tollgate' in front of it
    ");
}

#[test]
fn routes_of_a_file_are_checked_routes_of_a_server_noted() {
    let rds = |source: Value| {
        move |bootstrap: &mut Value| {
            let manager = bootstrap.pointer_mut(MANAGER).unwrap();
            manager["route_config"].take();
            manager["rds"] =
                json!({ "route_config_name": "tollgate", "config_source": source.clone() });
        }
    };
    let file = json!({ "path_config_source": { "path": "rds.json" } });
    let routes = json!({ "resources": [
        { "name": "tollgate", "virtual_hosts": [{ "routes": [] }] },
        { "name": "another", "typed_per_filter_config": switched_off() },
    ] });
    let found = after_with(rds(file), &[("rds.json", routes)]);
    insta::assert_snapshot!(found, @"
    rds.json: resources[0].virtual_hosts
      no route goes to the cluster that the module names: a model's targets and credentials have no effect
      add: cluster_header: x-tollgate-cluster
    ");
    insta::assert_snapshot!(after(rds(json!({ "ads": {} }))), @"
    MANAGER.rds
      note: routes that a management server sends can't be seen here: see that they are as in fragment.yaml, and none switches the module off
    ");
}
