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
    document["models"][0]["targets"][0]["cold_start"] = json!(0);
    let refusal = Policy::load(document.to_string().as_bytes()).unwrap_err();
    assert!(refusal.to_string().contains("nonzero"), "{refusal}");
    let mut document = common::document();
    document["keys"].as_array_mut().unwrap().reverse();
    let refusal = Policy::load(document.to_string().as_bytes()).unwrap_err();
    assert!(refusal.to_string().contains("out of order"), "{refusal}");
}

/// Raises are counted by a CRC-32 of their names, and that of these is the same.
#[test]
fn raises_that_would_be_counted_as_one() {
    let load = |names: [&str; 2]| {
        let raise = |name: &str| json!({"name": name, "amount": "1", "until": 2_000_000_000});
        let mut document = common::document();
        document["organizations"][0]["limits"] = json!([{
            "rule": "r", "measure": "budget", "amount": "1", "per": "month",
            "raises": names.map(raise),
        }]);
        Policy::load(document.to_string().as_bytes()).map(|_| ())
    };
    load(["plumless", "bucket"]).unwrap();
    let refusal = load(["plumless", "buckeroo"]).unwrap_err().to_string();
    assert!(refusal.contains("can't be told from another"), "{refusal}");
}
