//! What counts is what a configuration does, however it is written.

use super::edited::{MANAGER, after, with};
use serde_json::{Value, json};

const EARLY: &str = "early_header_mutation_extensions";

/// Of the extension that removes headers.
fn mutations(edit: impl Fn(&mut Value)) -> String {
    after(|bootstrap| {
        let mutations = format!("{MANAGER}/{EARLY}/0/typed_config/mutations");
        edit(bootstrap.pointer_mut(&mutations).unwrap());
    })
}

#[test]
fn headers_are_removed_by_any_prefix_that_covers_them() {
    for matcher in [
        json!({ "prefix": "x-tollgate-", "ignore_case": true }),
        json!({ "ignoreCase": true, "prefix": "X-Tollgate-" }),
        json!({ "prefix": "x-t" }),
    ] {
        let found = mutations(|all| all[0]["remove_on_match"]["key_matcher"] = matcher.clone());
        assert_eq!(found, "", "{matcher}");
    }
}

#[test]
fn headers_are_not_removed_by_what_only_reads_like_it() {
    let missing = format!(
        "MANAGER.{EARLY}
  filters before the module would see a client's own x-tollgate-* and x-gateway-*
  add: {EARLY} as in fragment.yaml"
    );
    for mutation in [
        json!({ "remove_on_match": { "key_matcher": { "prefix": "x-tollgate-a" } } }),
        json!({ "remove_on_match": { "key_matcher": { "prefix": "X-Tollgate-" } } }),
        json!({ "remove_on_match": { "key_matcher": { "prefix": "" } } }),
        json!({ "append": { "header": { "key": "a", "value": "{\"prefix\":\"x-tollgate-\"" } } }),
    ] {
        assert_eq!(mutations(|all| all[0] = mutation.clone()), missing);
    }
    let other = format!("{EARLY}/0/typed_config/@type");
    let found = with(&other, &json!("type.googleapis.com/other.v3.Extension"));
    assert_eq!(found, missing);
}

#[test]
fn a_heap_that_is_measured_and_sets_nothing_off() {
    let missing = "overload_manager
  Envoy would grow until it is killed, with every stream it has: request bodies are held until they are whole
  add: overload_manager as in fragment.yaml";
    let with_actions = |actions: Value| {
        after(|bootstrap| bootstrap["overload_manager"]["actions"] = actions.clone())
    };
    let action = |name: &str, trigger: &str| {
        json!([{
            "name": name,
            "triggers": [{ "name": trigger, "threshold": { "value": 0.95 } }],
        }])
    };
    let (refuse, heap) = (
        "envoy.overload_actions.stop_accepting_requests",
        "envoy.resource_monitors.fixed_heap",
    );
    let connections = "envoy.resource_monitors.global_downstream_max_connections";
    for actions in [
        json!([]),
        action(refuse, connections),
        action("envoy.overload_actions.shrink_heap", heap),
    ] {
        assert_eq!(with_actions(actions.clone()), missing, "{actions}");
    }
    assert_eq!(with_actions(action(refuse, heap)), "");
    let shedding = after(|bootstrap| {
        let manager = &mut bootstrap["overload_manager"];
        manager["actions"].take();
        let point = "envoy.load_shed_points.http_connection_manager_decode_headers";
        manager["loadshed_points"] = action(point, heap);
    });
    assert_eq!(shedding, "");
}

#[test]
fn an_access_log_that_passes_requests_over() {
    let filtered = |filter: Value| {
        after(|bootstrap| {
            let log = bootstrap.pointer_mut(MANAGER).unwrap()["access_log"][0].take();
            let mut filtered = log.clone();
            filtered["filter"] = filter.clone();
            bootstrap.pointer_mut(MANAGER).unwrap()["access_log"] = json!([filtered]);
        })
    };
    let never = json!({ "runtime_filter": { "runtime_key": "none" } });
    insta::assert_snapshot!(filtered(never), @"
    MANAGER.access_log[0].filter
      note: what a request used, and why it was refused, is told nowhere if this passes over it: right only if you need not know
    ");
    assert_eq!(filtered(json!({ "not_health_check_filter": {} })), "");
    let beside = after(|bootstrap| {
        let logs = &mut bootstrap.pointer_mut(MANAGER).unwrap()["access_log"];
        let mut errors = logs[0].clone();
        errors["filter"] = json!({ "response_flag_filter": {} });
        logs.as_array_mut().unwrap().push(errors);
    });
    assert_eq!(beside, "", "the first one has every request");
}
