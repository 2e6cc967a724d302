//! Documents that are refused: one may be written by hand.

mod common;

use serde_json::{Value, json};
use tollgate_core::policy::Policy;

/// What loading the test's policy says after a change at this place.
fn refusal(place: &str, value: Value) -> String {
    let mut document = common::document();
    *document.pointer_mut(place).unwrap() = value;
    let loaded = Policy::load(document.to_string().as_bytes());
    loaded.expect_err(place).to_string()
}

#[test]
fn the_policy_of_these_tests_loads() {
    Policy::load(common::document().to_string().as_bytes()).unwrap();
}

#[test]
fn names_that_would_mean_something_where_they_go() {
    for (place, name) in [
        ("/organizations/0/name", "acme;team=x"),
        ("/teams/0/name", "payments\nx"),
        ("/keys/0/name", "a b"),
        ("/models/0/name", "coder;model=x"),
        ("/models/2/aliases/0", ""),
        ("/models/2/objective", "a\r\nx-evil: 1"),
        ("/models/0/targets/0/name", "Stable"),
        ("/models/0/targets/0/model", "a b"),
        ("/models/0/targets/0/upstreams/0", "a+b"),
    ] {
        let refusal = refusal(place, json!(name));
        assert!(
            refusal.contains("can't be the name of"),
            "{place}: {refusal}"
        );
    }
}

#[test]
fn what_refers_to_nothing_or_stands_twice() {
    for (place, value, problem) in [
        ("/format", json!(3), "document format 3"),
        (
            "/teams/0/organization",
            json!("other"),
            "unknown organization",
        ),
        ("/teams/1/models/0", json!("other"), "unknown model"),
        ("/keys/0/team", json!("acme/other"), "unknown team"),
        ("/keys/0/hash", json!("AAAA"), "bad hash"),
        ("/models/2/aliases/0", json!("coder"), "used twice"),
        ("/models/0/targets", json!([]), "no target"),
        (
            "/models/0/targets/0/upstreams",
            json!([]),
            "names no upstream",
        ),
    ] {
        let refusal = refusal(place, value);
        assert!(refusal.contains(problem), "{place}: {refusal}");
    }
    let mut document = common::document();
    document["keys"].as_array_mut().unwrap().reverse();
    let refusal = Policy::load(document.to_string().as_bytes()).unwrap_err();
    assert!(refusal.to_string().contains("out of order"), "{refusal}");
}
