//! What a client is told that a limit refuses.

use serde_json::{Value, json};
use tollgate_core::exchange::ResponseHead;
use tollgate_core::limits::rule::Amounts;
use tollgate_core::reply::Reply;
use tollgate_core::settlement::Ending;

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

/// An answer may be a minute in coming.
#[test]
fn answers_tell_when_limits_are_whole_again_from_when_they_come() {
    let mut gateway = Gateway::new(&document(&json!(null), &rate("2", &json!({}))));
    let (mut exchange, admitted) = gateway.chat(&json!({"model": "chat", "messages": []}));
    admitted.unwrap();
    gateway.pass(60);
    let edits = exchange.response_headers(ResponseHead {
        status: 200,
        content_type: None,
        content_encoding: None,
        content_length: None,
        dropped_reason: None,
        end_of_stream: true,
        now: gateway.now.monotonic,
    });
    let mut told = edits.set.iter();
    let resets = told.find(|(name, _)| *name == "x-ratelimit-reset-requests");
    assert_eq!(resets.map(|(_, value)| &**value), Some("29m0s"));
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

/// A key with a budget that runs out, a rule in shadow, and a cheaper model to go to.
fn with_fallback(cheaper_costs: bool) -> Gateway {
    let limits = json!([
        {"rule": "key:acme/payments/key:budget/day", "measure": "budget", "amount": "0.0001",
         "per": "day", "fallback": "cheap"},
        {"rule": "key:acme/payments/key:max_output:shadow", "measure": "max_output",
         "amount": "10", "mode": "shadow"},
        {"rule": "key:acme/payments/key:requests/day:shadow", "measure": "requests",
         "amount": "1", "per": "day", "mode": "shadow"},
    ]);
    let prices = json!([{"tokens": {"input": "1", "output": "1"}}]);
    let mut policy = document(&prices, &limits);
    let mut cheap = policy["models"][0].clone();
    cheap["name"] = json!("cheap");
    if !cheaper_costs {
        cheap.as_object_mut().unwrap().remove("prices");
    }
    policy["models"].as_array_mut().unwrap().push(cheap);
    Gateway::new(&policy)
}

#[test]
fn rules_in_shadow_are_reported_whoever_refuses() {
    let mut gateway = with_fallback(true);
    let body = json!({"model": "chat", "messages": [], "max_tokens": 60});
    let shadow = |name: &str| format!("key:acme/payments/key:{name}:shadow");
    let (exchange, admitted) = gateway.chat(&body);
    admitted.unwrap();
    let first = exchange.settlement(Ending::default(), gateway.now.monotonic);
    assert_eq!(first.passed_over, [shadow("max_output")]);
    let (exchange, refused) = gateway.chat(&body);
    refused.unwrap_err();
    let second = exchange.settlement(Ending::default(), gateway.now.monotonic);
    assert_eq!(
        second.passed_over,
        [shadow("requests/day"), shadow("max_output")]
    );
}

#[test]
fn a_refusal_is_of_the_model_that_was_asked_for() {
    let mut gateway = with_fallback(true);
    let body = json!({"model": "chat", "messages": [], "max_tokens": 60});
    gateway.chat(&body).1.unwrap();
    let (exchange, refused) = gateway.chat(&body);
    assert_eq!(refused.unwrap_err().status, 429);
    let settlement = exchange.settlement(Ending::default(), gateway.now.monotonic);
    assert_eq!((settlement.model, settlement.target), (Some("chat"), None));
    // Where the cheaper model serves it, it is that one's.
    let mut gateway = with_fallback(false);
    gateway.chat(&body).1.unwrap();
    let (exchange, admitted) = gateway.chat(&body);
    admitted.unwrap();
    let settlement = exchange.settlement(Ending::default(), gateway.now.monotonic);
    assert_eq!(
        (settlement.model, settlement.instead_of),
        (Some("cheap"), Some("chat"))
    );
}

#[test]
fn what_is_said_to_be_reserved_is_what_is_held() {
    let limit = json!([{"rule": "key:acme/payments/key:budget/day", "measure": "budget",
        "amount": "0.0015", "per": "day"}]);
    let prices = json!([{"tokens": {"input": "0", "output": "1"}}]);
    let mut gateway = Gateway::new(&document(&prices, &limit));
    // What it names does not fit, what is usual does.
    let body = json!({"model": "chat", "messages": [], "max_tokens": 4000});
    let (exchange, admitted) = gateway.chat(&body);
    admitted.unwrap();
    let reserved = exchange
        .settlement(Ending::default(), gateway.now.monotonic)
        .reserved;
    let money = reserved.money().map(|money| money.to_string());
    assert_eq!(money.as_deref(), Some("0.001024"));
    assert_eq!(
        reserved.tokens(&Amounts::default()),
        None,
        "nothing counts them"
    );
    assert_eq!(gateway.usage()["held"], "0.001024");
}

/// 0 is "no maximum" to servers that say `max_completion_tokens or max_tokens`.
#[test]
fn a_maximum_of_zero_is_none() {
    let limit = json!([{"rule": "r", "measure": "tokens", "per": "day", "amount": "100000"}]);
    let mut gateway = Gateway::new(&document(&Value::Null, &limit));
    for field in ["max_completion_tokens", "max_tokens"] {
        let (_, admitted) = gateway.chat(&json!({"model": "chat", "messages": [], field: 0}));
        let (status, _, message) = refusal(&admitted.unwrap_err());
        assert_eq!(status, 400);
        assert!(message.contains("must be at least 1"), "{message}");
    }
}

/// A limit that never grants what is usual admits one request after the other, by what it has left.
#[test]
fn a_small_limit_locks_nobody_out() {
    let limit = json!([{"rule": "r", "measure": "tokens", "per": "day", "amount": "1000"}]);
    let mut gateway = Gateway::new(&document(&Value::Null, &limit));
    let body = json!({"model": "chat", "messages": [{"role": "user", "content": "hi"}]});
    let mut served = 0;
    while let (mut exchange, Ok(_)) = gateway.chat(&body) {
        let (_, second) = gateway.chat(&body);
        assert_eq!(refusal(&second.unwrap_err()).0, 429, "all is reserved");
        let usage = json!({"prompt_tokens": 10, "completion_tokens": 90});
        gateway.answer(&mut exchange, &usage);
        served += 1;
    }
    assert_eq!(served, 10);
}

/// Not even what has no price, or no worst case.
#[test]
fn what_only_warns_or_watches_refuses_nothing() {
    let prices = json!([{"tokens": {"input": "1", "output": "1"}}]);
    for mode in ["soft", "shadow"] {
        let limit = json!([{"rule": "r", "measure": "budget", "per": "day", "amount": "1",
            "mode": mode, "worst_case": true}]);
        let mut gateway = Gateway::new(&document(&prices, &limit));
        for (field, value) in [
            ("service_tier", json!("priority")),
            ("use_beam_search", json!(true)),
            ("prediction", json!({"type": "content", "content": "x"})),
        ] {
            let (_, admitted) =
                gateway.chat(&json!({"model": "chat", "messages": [], field: value}));
            assert!(admitted.is_ok(), "{mode}: {field}");
        }
    }
}

/// What requests in flight hold of a budget may come back long before its window ends.
#[test]
fn what_others_hold_is_no_budget_used_up() {
    for period in ["month", "ever"] {
        let limit = json!([{"rule": "r", "measure": "budget", "per": period, "amount": "0.0001"}]);
        let prices = json!([{"tokens": {"input": "0", "output": "1"}}]);
        let mut gateway = Gateway::new(&document(&prices, &limit));
        let body = json!({"model": "chat", "messages": []});
        let (mut first, admitted) = gateway.chat(&body);
        admitted.unwrap();
        let refused = gateway.chat(&body).1.unwrap_err();
        let (status, code, message) = refusal(&refused);
        assert_eq!((status, &*code), (429, "insufficient_quota"));
        assert_eq!(told(&refused, "retry-after"), Some("1"));
        assert_eq!(told(&refused, "x-should-retry"), None);
        let held = "0 USD left, 0.0001 USD held by requests in flight, 0.000001 USD needed; retry \
                    shortly";
        assert!(message.contains(held), "{message}");
        gateway.answer(
            &mut first,
            &json!({"prompt_tokens": 1, "completion_tokens": 3}),
        );
        gateway.chat(&body).1.unwrap();
    }
}
