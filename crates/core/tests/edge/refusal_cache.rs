//! A key that is known to be refused is refused before its body is read.

use serde_json::{Value, json};

use crate::gateway::{Gateway, document, refusal};

const DAY: u64 = 86_400;

fn chat() -> Value {
    json!({"model": "chat", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1})
}

fn budget(more: &Value) -> Value {
    let mut limit = json!({"rule": "key:acme/payments/key:budget/day", "measure": "budget",
        "amount": "0.0001", "per": "day"});
    limit
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!([limit])
}

/// One dollar a million tokens.
fn prices() -> Value {
    json!([{"tokens": {"input": "1", "output": "1"}}])
}

/// A request that uses more than there is.
fn exhaust(gateway: &mut Gateway) {
    let (mut exchange, admitted) = gateway.chat(&chat());
    admitted.unwrap();
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 1});
    gateway.answer(&mut exchange, &usage);
}

#[test]
fn an_exhausted_budget_refuses_before_the_body_is_read() {
    let mut gateway = Gateway::new(&document(&prices(), &budget(&json!({}))));
    exhaust(&mut gateway);
    let (_, refused) = gateway.chat(&chat());
    refused.unwrap_err();
    let read = gateway.bodies;
    let (_, refused) = gateway.chat(&chat());
    let (status, code, message) = refusal(&refused.unwrap_err());
    assert_eq!((status, &*code), (429, "insufficient_quota"));
    assert!(
        message.contains("retry at 2027-01-16T00:00:00Z"),
        "{message}"
    );
    assert_eq!(gateway.bodies, read, "nothing more was read");
    // It is looked at again soon: what was overdrawn may be corrected.
    gateway.pass(11);
    gateway.chat(&chat()).1.unwrap_err();
    assert_eq!(gateway.bodies, read + 1);
    gateway.pass(DAY);
    gateway.chat(&chat()).1.unwrap();
}

#[test]
fn a_clock_that_jumps_locks_nobody_out() {
    let requests = json!([{"rule": "key:acme/payments/key:requests/day", "measure": "requests",
        "amount": "1", "per": "day"}]);
    for limits in [budget(&json!({})), requests] {
        let mut gateway = Gateway::new(&document(&prices(), &limits));
        exhaust(&mut gateway);
        gateway.chat(&chat()).1.unwrap_err();
        // The wall clock alone is set.
        gateway.now.wall += DAY * 1_000_000_000;
        gateway.chat(&chat()).1.unwrap();
    }
}

#[test]
fn what_costs_nothing_is_not_refused_for_a_budget() {
    let mut gateway = Gateway::new(&document(&prices(), &budget(&json!({}))));
    exhaust(&mut gateway);
    gateway.chat(&chat()).1.unwrap_err();
    gateway
        .post("/v1/messages/count_tokens", &chat())
        .1
        .unwrap();
    // Nor where another model is free, or may serve instead.
    let mut policy = document(&prices(), &budget(&json!({})));
    let mut free = policy["models"][0].clone();
    free["name"] = json!("free");
    free.as_object_mut().unwrap().remove("prices");
    policy["models"].as_array_mut().unwrap().push(free);
    let mut gateway = Gateway::new(&policy);
    exhaust(&mut gateway);
    gateway.chat(&chat()).1.unwrap_err();
    let mut body = chat();
    body["model"] = json!("free");
    gateway.chat(&body).1.unwrap();
}
