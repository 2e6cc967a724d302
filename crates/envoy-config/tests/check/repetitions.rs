//! Configurations in which a request is sent more than once, or turned into a tunnel.

use super::edited::{MANAGER, after, set, with};
use serde_json::json;

#[test]
fn a_virtual_hosts_retry_policy() {
    let policy = json!({ "retry_on": "5xx" });
    let host = "route_config/virtual_hosts/0";
    let inherited = after(|bootstrap| {
        set(
            bootstrap,
            &format!("{MANAGER}/{host}/retry_policy"),
            &policy,
        );
        let action = format!("{MANAGER}/{host}/routes/0/route");
        let action = bootstrap.pointer_mut(&action).unwrap();
        action.as_object_mut().unwrap().remove("retry_policy");
    });
    insta::assert_snapshot!(inherited, @"
    MANAGER.route_config.virtual_hosts[0].retry_policy.retry_on
      requests would be repeated that an upstream may have taken, and charges for
      add: retry_on: connect-failure,refused-stream,reset-before-request
    ");
    let overridden = with(&format!("{host}/retry_policy"), &policy);
    assert_eq!(overridden, "", "the route has one of its own");
}

#[test]
fn other_ways_to_send_a_request_twice() {
    let host = "route_config/virtual_hosts/0";
    let typed = with(
        &format!("{host}/retry_policy_typed_config"),
        &json!({ "@type": "x" }),
    );
    let hedged = json!({ "hedge_on_per_try_timeout": true });
    let hedged = with(&format!("{host}/routes/0/route/hedge_policy"), &hedged);
    let mirrored = with(
        "route_config/request_mirror_policies",
        &json!([{ "cluster": "shadow" }]),
    );
    insta::assert_snapshot!([typed, hedged, mirrored].join("\n"), @"
    MANAGER.route_config.virtual_hosts[0].retry_policy_typed_config
      requests could be repeated that an upstream may have taken: what it does can't be seen here
      remove: retry_policy_typed_config
    MANAGER.route_config.virtual_hosts[0].routes[0].route.hedge_policy.hedge_on_per_try_timeout
      a slow request would be sent again while the first one runs, and both are charged for
      remove: hedge_policy.hedge_on_per_try_timeout
    MANAGER.route_config.request_mirror_policies[0]
      requests, with all that is in them, would be sent to somebody else as well
      remove: request_mirror_policies
    ");
}

#[test]
fn upgrades() {
    let upgrades = json!([
        { "upgrade_type": "websocket" },
        { "upgrade_type": "CONNECT", "enabled": false },
    ]);
    insta::assert_snapshot!(with("upgrade_configs", &upgrades), @"
    MANAGER.upgrade_configs[0]
      an upgraded request is a tunnel: the module can neither read nor meter what goes through
      remove: upgrade_configs
    ");
    let action = "route_config/virtual_hosts/0/routes/0/route/upgrade_configs";
    let found = with(action, &upgrades);
    assert!(
        found.contains("routes[0].route.upgrade_configs[0]\n"),
        "{found}"
    );
}
