//! Streams that make more than what is reserved for them.

use serde_json::{Value, json};
use tollgate_core::exchange::{Basis, Exchange};
use tollgate_core::limits::learning::Observation;
use tollgate_core::settlement::{Ending, Outcome};

use crate::gateway::{Gateway, document};

const RULE: &str = "key:acme/payments/key:budget/day";

/// Output costs a dollar a million tokens, so an amount is a number of tokens; 256 of them are usual.
fn gateway(tokens: u64, more: &Value) -> Gateway {
    let mut limit = json!({"rule": RULE, "measure": "budget", "per": "day",
        "amount": format!("0.{tokens:06}")});
    limit
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let prices = json!([{"tokens": {"input": "0", "output": "1"}}]);
    let mut gateway = Gateway::new(&document(&prices, &json!([limit])));
    for _ in 0..100 {
        gateway.learning.observe(
            "chat",
            None,
            Observation {
                prompt_bytes: 400,
                prompt_tokens: 100,
                output_tokens: 10,
                milliseconds: 1000,
            },
        );
    }
    gateway
}

fn begin(gateway: &mut Gateway, path: &str) -> Exchange {
    let body = json!({"model": "chat", "messages": [], "stream": true});
    let (mut exchange, admitted) = gateway.post(path, &body);
    admitted.unwrap();
    gateway.begin_stream(&mut exchange);
    exchange
}

fn chat_event(text: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

#[test]
fn what_a_stream_makes_is_reserved_while_it_runs() {
    let mut gateway = gateway(1000, &json!({}));
    let mut exchange = begin(&mut gateway, "/v1/chat/completions");
    assert_eq!(gateway.usage()["left"], "0.000744");
    for _ in 0..256 {
        gateway.pass_on(&mut exchange, &chat_event("a"));
    }
    assert_eq!(
        (gateway.top_ups, &gateway.usage()["left"]),
        (0, &json!("0.000744"))
    );
    gateway.pass_on(&mut exchange, &chat_event("a"));
    // 257 and a step of 64.
    assert_eq!(
        (gateway.top_ups, &gateway.usage()["left"]),
        (1, &json!("0.000679"))
    );
    for _ in 0..2000 {
        let event = chat_event("b");
        assert_eq!(
            gateway.pass_on(&mut exchange, &event),
            event,
            "it goes on to its end"
        );
    }
    assert!(gateway.top_ups < 20);
    assert_eq!(gateway.usage()["left"], "0");
    gateway.settle(&mut exchange, Ending::default());
    let bill = exchange
        .settlement(Ending::default(), gateway.now.monotonic)
        .bill
        .unwrap();
    assert_eq!((bill.basis, bill.used.completion), (Basis::Counted, 2257));
    gateway
        .chat(&json!({"model": "chat", "messages": []}))
        .1
        .unwrap_err();
}

#[test]
fn what_was_reserved_besides_goes_back() {
    let mut gateway = gateway(1000, &json!({}));
    let mut exchange = begin(&mut gateway, "/v1/chat/completions");
    for _ in 0..300 {
        gateway.pass_on(&mut exchange, &chat_event("a"));
    }
    gateway.pass_on(
        &mut exchange,
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":300}}\n\n",
    );
    gateway.settle(&mut exchange, Ending::default());
    assert_eq!(gateway.usage()["left"], "0.0007");
    assert_eq!(gateway.usage()["held"], "0");
}

#[test]
fn a_stream_is_cut_where_the_rule_says_so() {
    for (path, event, begins) in [
        ("/v1/chat/completions", chat_event("a"), "data: {\"error\":{"),
        (
            "/v1/messages",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n".to_owned(),
            "event: error\ndata: {\"error\":{",
        ),
        (
            "/v1/responses",
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n".to_owned(),
            "event: error\ndata: {\"error\":{",
        ),
    ] {
        let mut gateway = gateway(410, &json!({"on_overrun": "cut", "message": "ask ops"}));
        let body = json!({"model": "chat", "messages": [], "input": "", "stream": true});
        let (mut exchange, admitted) = gateway.post(path, &body);
        admitted.unwrap();
        gateway.begin_stream(&mut exchange);
        let mut passed = 0;
        let last = loop {
            // Pieces end in the middle of events.
            let (a, b) = event.split_at(event.len() / 2);
            let first = gateway.pass_on(&mut exchange, a);
            let second = gateway.pass_on(&mut exchange, b);
            if exchange.is_cut() {
                break first + &second;
            }
            assert_eq!(first + &second, event, "{path}");
            passed += 1;
        };
        // 256, then 321, then 402; 503 do not fit.
        assert_eq!(passed, 402, "{path}");
        let error = last.strip_prefix(&event).unwrap();
        assert!(error.starts_with(begins), "{error}");
        assert!(error.ends_with("\n\n") && error.contains("ask ops"), "{error}");
        let data: Value = serde_json::from_str(error.split_once("data: ").unwrap().1).unwrap();
        assert_eq!(data["error"]["code"], "insufficient_quota");
        assert_eq!(gateway.pass_on(&mut exchange, &event), "", "nothing more passes");
        gateway.settle(&mut exchange, Ending::default());
        let settlement = exchange.settlement(Ending::default(), gateway.now.monotonic);
        assert_eq!(settlement.outcome, Outcome::Interrupted);
        assert_eq!(settlement.limit.unwrap().rule, RULE);
        // What came after was made as well.
        assert_eq!(settlement.bill.unwrap().used.completion, 404);
    }
}

#[test]
fn a_rule_in_shadow_says_that_it_would_have_cut() {
    let mut gateway = gateway(300, &json!({"on_overrun": "cut", "mode": "shadow"}));
    let mut exchange = begin(&mut gateway, "/v1/chat/completions");
    for _ in 0..2000 {
        let event = chat_event("a");
        assert_eq!(gateway.pass_on(&mut exchange, &event), event);
    }
    let settlement = exchange.settlement(Ending::default(), gateway.now.monotonic);
    assert_eq!(settlement.passed_over, [RULE]);
}

#[test]
fn a_stream_that_ends_anyhow_is_not_cut() {
    let mut gateway = gateway(300, &json!({"on_overrun": "cut"}));
    let mut exchange = begin(&mut gateway, "/v1/chat/completions");
    let all = chat_event("a").repeat(1000);
    exchange.response_body(all.as_bytes(), true, gateway.now.monotonic);
    assert_eq!(exchange.top_up(|| gateway.now.monotonic), None);
    assert_eq!(exchange.cut(all.as_bytes()), None);
}

/// All that a small budget has left is reserved for a stream, which is less than what is usual.
#[test]
fn a_stream_under_a_small_budget_ends_a_step_beyond_it() {
    let mut gateway = gateway(100, &json!({"on_overrun": "cut"}));
    let mut exchange = begin(&mut gateway, "/v1/chat/completions");
    assert_eq!(gateway.usage()["left"], "0");
    let event = chat_event("a");
    let passed = (0..1000).take_while(|_| gateway.pass_on(&mut exchange, &event) == event);
    let passed = passed.count();
    assert!((60..100 + 64).contains(&passed), "{passed} tokens");
}

#[test]
fn a_stream_that_a_budget_for_good_ends_is_told_no_time() {
    let limit = json!([{"rule": RULE, "measure": "budget", "per": "ever", "amount": "0.001100",
        "on_overrun": "cut"}]);
    let prices = json!([{"tokens": {"input": "0", "output": "1"}}]);
    let mut gateway = Gateway::new(&document(&prices, &limit));
    let mut exchange = begin(&mut gateway, "/v1/chat/completions");
    let event = chat_event("a");
    let mut passed = (0..2000).map(|_| gateway.pass_on(&mut exchange, &event));
    let last = passed.find(|passed| *passed != event).unwrap();
    assert!(
        last.contains("insufficient_quota") && !last.contains("retry"),
        "{last}"
    );
}
