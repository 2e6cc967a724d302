//! What a client is told that a limit refuses.

use serde_json::{Value, json};
use tollgate_core::reply::Reply;

use crate::gateway::{Gateway, document, refusal};

#[test]
fn what_is_larger_than_a_burst_is_told_the_burst() {
    let limits = json!([{"rule": "key:acme/payments/key:tokens/minute", "measure": "tokens",
        "amount": "600", "per": "minute", "burst": 5}]);
    let mut gateway = Gateway::new(&document(&json!(null), &limits));
    let body = json!({"model": "chat", "messages": [], "max_tokens": 100});
    let (status, code, message) = refusal(&gateway.chat(&body).1.unwrap_err());
    assert_eq!((status, &*code), (400, "request_exceeds_limit"));
    assert!(
        message.contains("larger than 5 tokens at once"),
        "{message}"
    );
}

fn rate(amount: &str, more: &Value) -> Value {
    let mut limit = json!({"rule": "key:acme/payments/key:requests/hour", "measure": "requests",
        "amount": amount, "per": "hour"});
    limit
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!([limit])
}

fn told<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let mut headers = reply.headers.iter();
    headers
        .find(|(known, _)| *known == name)
        .map(|(_, value)| &**value)
}

#[test]
fn refusals_tell_how_limits_stand_early_ones_too() {
    let mut gateway = Gateway::new(&document(&json!(null), &rate("2", &json!({}))));
    let body = json!({"model": "chat", "messages": []});
    gateway.chat(&body).1.unwrap();
    gateway.chat(&body).1.unwrap();
    for resets in ["1h0m0s", "59m50s"] {
        let refused = gateway.chat(&body).1.unwrap_err();
        assert_eq!(told(&refused, "x-ratelimit-limit-requests"), Some("2"));
        assert_eq!(told(&refused, "x-ratelimit-remaining-requests"), Some("0"));
        assert_eq!(told(&refused, "x-ratelimit-reset-requests"), Some(resets));
        gateway.pass(10);
    }
    assert_eq!(gateway.bodies, 3);
}

#[test]
fn hidden_amounts_are_in_no_header_and_no_body() {
    let hidden = rate("1", &json!({"hidden": true}));
    let mut gateway = Gateway::new(&document(&json!(null), &hidden));
    let body = json!({"model": "chat", "messages": []});
    let (mut exchange, admitted) = gateway.chat(&body);
    admitted.unwrap();
    assert_eq!(gateway.told(&mut exchange), []);
    for _ in 0..2 {
        let refused = gateway.chat(&body).1.unwrap_err();
        assert_eq!(told(&refused, "x-ratelimit-limit-requests"), None);
        let body: Value = serde_json::from_slice(&refused.body).unwrap();
        assert_eq!(body["error"]["limit"]["amount"], Value::Null);
    }
}

#[test]
fn a_limit_has_its_code_in_both_dialects() {
    let mut gateway = Gateway::new(&document(&json!(null), &rate("1", &json!({}))));
    let body = json!({"model": "chat", "messages": [], "max_tokens": 1});
    gateway.chat(&body).1.unwrap();
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let (_, code, _) = refusal(&gateway.post(path, &body).1.unwrap_err());
        assert_eq!(code, "rate_limit_exceeded");
    }
}
