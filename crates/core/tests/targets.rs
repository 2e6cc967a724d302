//! Which target serves whom: in proportion, stable, and moving as few as possible.

mod common;

use std::collections::BTreeMap;

use common::Request;

/// The served name for a session.
fn served(header: &str) -> String {
    let headers: &[(&str, &[u8])] = &[
        ("authorization", b"Bearer sk-plain"),
        ("x-session", header.as_bytes()),
    ];
    let request = Request {
        headers,
        body: br#"{"model":"small"}"#,
        ..Request::default()
    };
    let forward = request.send().1.unwrap();
    let (_, name) = forward
        .set
        .into_iter()
        .find(|(n, _)| *n == "x-gateway-model-name")
        .unwrap();
    name
}

#[test]
fn sessions_spread_in_proportion_to_the_weights_and_stay() {
    let mut counts = BTreeMap::new();
    for session in 0..3000 {
        let name = served(&session.to_string());
        assert_eq!(name, served(&session.to_string()));
        *counts.entry(name).or_insert(0) += 1;
    }
    // 10 % of 3000, four standard deviations wide.
    let canary = counts["small-next"];
    assert!((234..=366).contains(&canary), "{counts:?}");
}

/// So much of it is kept while a body arrives.
#[test]
fn a_session_is_told_by_its_first_256_bytes() {
    let sessions = |length: usize| {
        let names = (0..100).map(|n| served(&format!("{}{n}", "x".repeat(length))));
        names.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!((sessions(250), sessions(256)), (2, 1));
}

#[test]
fn without_a_session_a_field_and_then_the_key_decides() {
    let served_by = |body: String| {
        let request = Request {
            body: body.as_bytes(),
            ..Request::default()
        };
        let forward = request.send().1.unwrap();
        forward
            .set
            .into_iter()
            .find(|(n, _)| *n == "x-gateway-model-name")
            .unwrap()
            .1
    };
    let by_key = served_by(r#"{"model":"small"}"#.to_owned());
    assert_eq!(by_key, served_by(r#"{"model":"small","x":1}"#.to_owned()));
    let by_field: std::collections::BTreeSet<_> = (0..100)
        .map(|n| served_by(format!(r#"{{"model":"small","prompt_cache_key":"{n}"}}"#)))
        .collect();
    assert_eq!(by_field.len(), 2, "the field spreads");
}

#[test]
fn a_changed_weight_moves_only_what_it_must() {
    use tollgate_core::policy::Policy;
    use tollgate_core::request::pick_target;

    let with_canary = |weight: u32| {
        let mut document = common::document();
        document["models"][2]["targets"][0]["weight"] = weight.into();
        Policy::load(document.to_string().as_bytes()).unwrap()
    };
    let (before, after) = (with_canary(10), with_canary(30));
    let pick = |policy: &Policy, n: u32| {
        let model = policy
            .model(policy.model_by_name("small").unwrap())
            .unwrap();
        pick_target(model, &[&n.to_le_bytes()])
            .unwrap()
            .name
            .to_string()
    };
    let mut moved = 0;
    for n in 0..4000 {
        match (&*pick(&before, n), &*pick(&after, n)) {
            (a, b) if a == b => {}
            ("stable", "canary") => moved += 1,
            other => panic!("moved the wrong way: {other:?}"),
        }
    }
    // From 10/100 to 30/120: 15 % of 4000, four standard deviations wide.
    assert!((510..=690).contains(&moved), "{moved}");
}
