//! Ways to pay for less than was used, or to be kept out: each was found by somebody who tried.

use crate::gateway::{Gateway, document, refusal};
use serde_json::{Value, json};
use tollgate_core::settlement::Ending;

fn budgeted(prices: &Value, amount: &str, more: &Value) -> Gateway {
    let mut limit = json!({"rule": "key:acme/payments/key:budget/day", "measure": "budget", "per": "day", "amount": amount});
    limit
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Gateway::new(&document(prices, &json!([limit])))
}

/// vLLM's `continuous_usage_stats` reports, in each event, the tokens of that event's choice alone.
#[test]
fn a_cut_stream_of_many_choices_with_continuous_usage() {
    for continuous in [false, true] {
        let mut gateway = budgeted(
            &json!([{"tokens": {"input": "0", "output": "1"}}]),
            "1",
            &json!({}),
        );
        let body = json!({"model": "chat", "messages": [], "stream": true, "n": 8, "max_tokens": 100,
            "stream_options": {"include_usage": true, "continuous_usage_stats": continuous}});
        let (mut exchange, admitted) = gateway.chat(&body);
        admitted.unwrap();
        gateway.begin_stream(&mut exchange);
        for token in 1..=100 {
            for choice in 0..8 {
                let mut event = json!({"choices": [{"index": choice, "delta": {"content": "a"}}]});
                if continuous {
                    event["usage"] = json!({"prompt_tokens": 10, "completion_tokens": token, "total_tokens": 10 + token});
                }
                gateway.pass_on(&mut exchange, &format!("data: {event}\n\n"));
            }
        }
        // The client hangs up before the event that sums up.
        let left = Ending {
            client_left: true,
            never_sent: false,
        };
        gateway.settle(&mut exchange, left);
        let bill = exchange.settle(left, gateway.now.monotonic).bill.unwrap();
        assert_eq!(
            bill.used.completion, 800,
            "continuous: {continuous}, {:?}",
            bill.basis
        );
    }
}

/// The same for lists of prompts: each event tells the tokens of its own prompt alone.
#[test]
fn a_cut_stream_of_many_prompts_with_continuous_usage() {
    for continuous in [false, true] {
        let mut gateway = budgeted(
            &json!([{"tokens": {"input": "1", "output": "1"}}]),
            "1",
            &json!({}),
        );
        let prompts: Vec<_> = (0..50).map(|_| vec![7; 1000]).collect();
        let body = json!({"model": "chat", "prompt": prompts, "stream": true, "max_tokens": 2,
            "stream_options": {"include_usage": true, "continuous_usage_stats": continuous}});
        let (mut exchange, admitted) = gateway.post("/v1/completions", &body);
        admitted.unwrap();
        gateway.begin_stream(&mut exchange);
        for token in 1..=2 {
            for choice in 0..50 {
                let mut event = json!({"choices": [{"index": choice, "text": "a"}]});
                if continuous {
                    event["usage"] = json!({"prompt_tokens": 1000, "completion_tokens": token, "total_tokens": 1000 + token});
                }
                gateway.pass_on(&mut exchange, &format!("data: {event}\n\n"));
            }
        }
        let left = Ending {
            client_left: true,
            never_sent: false,
        };
        gateway.settle(&mut exchange, left);
        let bill = exchange.settle(left, gateway.now.monotonic).bill.unwrap();
        assert!(
            bill.used.prompt >= 50_000 && bill.used.completion == 100,
            "continuous: {continuous}: {:?}",
            bill.used
        );
    }
}

/// 0 is "no maximum" to servers that say `max_completion_tokens or max_tokens`.
#[test]
fn a_maximum_of_zero_is_refused() {
    for field in ["max_completion_tokens", "max_tokens"] {
        let mut gateway = budgeted(&json!([{"tokens": {"output": "1"}}]), "1", &json!({}));
        let body = json!({"model": "chat", "messages": [], field: 0});
        let (_, admitted) = gateway.chat(&body);
        let (status, _, message) = refusal(&admitted.unwrap_err());
        assert_eq!(status, 400);
        assert!(message.contains("must be at least 1"), "{message}");
    }
}

/// Usage with a key twice.
#[test]
fn usage_keys_twice() {
    let mut gateway = budgeted(
        &json!([{"tokens": {"input": "1", "output": "1"}}]),
        "1",
        &json!({}),
    );
    let (mut exchange, admitted) = gateway.chat(&json!({"model": "chat", "messages": []}));
    admitted.unwrap();
    gateway.told(&mut exchange);
    exchange.response_body(br#"{"usage":{"prompt_tokens":10,"completion_tokens":5000,"total_tokens":5010,"prompt_tokens":10}}"#, true, gateway.now.monotonic);
    gateway.settle(&mut exchange, Ending::default());
    let bill = exchange
        .settle(Ending::default(), gateway.now.monotonic)
        .bill
        .unwrap();
    assert_eq!(bill.used.completion, 5000, "{:?}", bill);
}

/// A report longer than 4 KiB.
#[test]
fn usage_long() {
    let mut gateway = budgeted(
        &json!([{"tokens": {"input": "1", "output": "1"}}]),
        "1",
        &json!({}),
    );
    let (mut exchange, admitted) = gateway.chat(&json!({"model": "chat", "messages": []}));
    admitted.unwrap();
    let details: Vec<_> = (0..200)
        .map(|i| json!({"iteration": i, "tokens": 25}))
        .collect();
    gateway.answer(&mut exchange, &json!({"iterations": details, "prompt_tokens":10,"completion_tokens":5000,"total_tokens":5010}));
    let bill = exchange
        .settle(Ending::default(), gateway.now.monotonic)
        .bill
        .unwrap();
    assert_eq!(bill.used.completion, 5000, "{:?}", bill);
}

use tollgate_core::limits::learning::Observation;
const LEFT: Ending = Ending {
    client_left: true,
    never_sent: false,
};

fn learned(gateway: &mut Gateway) {
    for _ in 0..100 {
        gateway.learning.observe(
            "chat",
            None,
            Observation {
                prompt_bytes: 400,
                prompt_tokens: 100,
                output_tokens: 256,
                milliseconds: 4000,
            },
        );
    }
}

/// A request for ten answers that is aborted just before its end costs about what ten answers cost.
#[test]
fn many_answers_aborted_before_their_end() {
    let mut gateway = budgeted(
        &json!([{"tokens": {"input": "0", "output": "1"}}]),
        "1",
        &json!({}),
    );
    learned(&mut gateway);
    let (mut exchange, admitted) =
        gateway.chat(&json!({"model": "chat", "messages": [], "max_tokens": 300, "n": 10}));
    admitted.unwrap();
    gateway.pass(4);
    gateway.settle(&mut exchange, LEFT);
    let bill = exchange.settle(LEFT, gateway.now.monotonic).bill.unwrap();
    assert!(
        bill.used.completion >= 2048,
        "10 answers of 256 tokens on average, after the mean time of one: {:?} {:?}",
        bill.used.completion,
        bill.basis
    );
}

/// The same for a list of prompts.
#[test]
fn many_prompts_aborted_before_their_end() {
    let mut gateway = budgeted(
        &json!([{"tokens": {"input": "0", "output": "1"}}]),
        "1",
        &json!({}),
    );
    learned(&mut gateway);
    let prompts: Vec<_> = (0..100).map(|_| "hello").collect();
    let (mut exchange, admitted) = gateway.post(
        "/v1/completions",
        &json!({"model": "chat", "prompt": prompts, "max_tokens": 300}),
    );
    admitted.unwrap();
    gateway.pass(4);
    gateway.settle(&mut exchange, LEFT);
    let bill = exchange.settle(LEFT, gateway.now.monotonic).bill.unwrap();
    assert!(
        bill.used.completion >= 20_480,
        "{:?} {:?}",
        bill.used.completion,
        bill.basis
    );
}

/// Anthropic's first event reports one output token or so; what is thought and not shown follows.
#[test]
fn a_client_that_leaves_after_message_start() {
    for start in [
        None,
        Some(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n",
        ),
    ] {
        let mut gateway = budgeted(
            &json!([{"tokens": {"input": "0", "output": "1"}}]),
            "1",
            &json!({}),
        );
        learned(&mut gateway);
        let (mut exchange, admitted) = gateway.post(
            "/v1/messages",
            &json!({"model": "chat", "messages": [], "max_tokens": 4000, "stream": true}),
        );
        admitted.unwrap();
        gateway.begin_stream(&mut exchange);
        if let Some(start) = start {
            gateway.pass_on(&mut exchange, start);
        }
        gateway.pass(60);
        gateway.settle(&mut exchange, LEFT);
        let bill = exchange.settle(LEFT, gateway.now.monotonic).bill.unwrap();
        assert!(
            bill.used.completion >= 3000,
            "a minute of work: {} tokens, {:?}",
            bill.used.completion,
            bill.basis
        );
    }
}

/// Arguments of calls, in the two other shapes that chats have for them.
#[test]
fn arguments_of_calls_count() {
    for delta in [
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]}),
        json!({"function_call": {"arguments": "x"}}),
        json!({"tool_calls": [{"index": 0, "custom": {"input": "x"}}]}),
    ] {
        let mut gateway = budgeted(
            &json!([{"tokens": {"input": "0", "output": "1"}}]),
            "1",
            &json!({}),
        );
        learned(&mut gateway);
        let (mut exchange, admitted) = gateway
            .chat(&json!({"model": "chat", "messages": [], "stream": true, "max_tokens": 1000}));
        admitted.unwrap();
        gateway.begin_stream(&mut exchange);
        gateway.pass_on(
            &mut exchange,
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ok\"}}]}\n\n",
        );
        for _ in 0..500 {
            let event = json!({"choices": [{"index": 0, "delta": delta}]});
            gateway.pass_on(&mut exchange, &format!("data: {event}\n\n"));
        }
        gateway.pass(8);
        gateway.settle(&mut exchange, LEFT);
        let bill = exchange.settle(LEFT, gateway.now.monotonic).bill.unwrap();
        assert_eq!(bill.used.completion, 501, "{delta}");
    }
}

/// The wall clock is set a day ahead, or back, while a request runs for two seconds.
#[test]
fn a_clock_that_is_set_while_a_request_runs() {
    for jump in [86_400_i64, -3_600] {
        let mut gateway = budgeted(
            &json!([{"second": "0.0002", "tokens": {"output": "1"}}]),
            "10",
            &json!({}),
        );
        learned(&mut gateway);
        let (mut exchange, admitted) =
            gateway.chat(&json!({"model": "chat", "messages": [], "max_tokens": 1000}));
        admitted.unwrap();
        gateway.pass(2);
        gateway.now.wall = gateway.now.wall.saturating_add_signed(jump * 1_000_000_000);
        gateway.settle(&mut exchange, LEFT);
        let bill = exchange.settle(LEFT, gateway.now.monotonic).bill.unwrap();
        // Two seconds: 0.0004, and 128 tokens.
        let cost = bill.cost.usd.pico();
        assert!(
            (400_000_000..2_000_000_000).contains(&cost),
            "jump of {jump} s: {} USD, {:?}",
            bill.cost.usd,
            bill.used.completion
        );
    }
}

/// A second, empty report in the same answer takes the first away.
#[test]
fn an_empty_report_takes_none_away() {
    for split in [false, true] {
        let mut gateway = budgeted(
            &json!([{"tokens": {"input": "1", "output": "1"}}]),
            "1",
            &json!({}),
        );
        let (mut exchange, admitted) = gateway.chat(&json!({"model": "chat", "messages": []}));
        admitted.unwrap();
        gateway.told(&mut exchange);
        let (a, b): (&[u8], &[u8]) = (
            br#"{"usage":{"prompt_tokens":10,"completion_tokens":5000},"#,
            br#""message":{"usage":{}}}"#,
        );
        if split {
            exchange.response_body(a, false, gateway.now.monotonic);
            exchange.response_body(b, true, gateway.now.monotonic);
        } else {
            exchange.response_body(&[a, b].concat(), true, gateway.now.monotonic);
        }
        gateway.settle(&mut exchange, Ending::default());
        let bill = exchange
            .settle(Ending::default(), gateway.now.monotonic)
            .bill
            .unwrap();
        assert_eq!(
            bill.used.completion, 5000,
            "split {split}: {:?}",
            bill.basis
        );
    }
}

/// Mistral's thinking arrives as parts of content.
#[test]
fn parts_of_content_count() {
    let mut gateway = budgeted(
        &json!([{"tokens": {"input": "0", "output": "1"}}]),
        "1",
        &json!({}),
    );
    learned(&mut gateway);
    let (mut exchange, admitted) =
        gateway.chat(&json!({"model": "chat", "messages": [], "stream": true, "max_tokens": 1000}));
    admitted.unwrap();
    gateway.begin_stream(&mut exchange);
    for _ in 0..500 {
        let event = json!({"choices": [{"index": 0, "delta": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}]}}]});
        gateway.pass_on(&mut exchange, &format!("data: {event}\n\n"));
    }
    gateway.pass_on(
        &mut exchange,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ok\"}}]}\n\n",
    );
    gateway.settle(&mut exchange, LEFT);
    let bill = exchange.settle(LEFT, gateway.now.monotonic).bill.unwrap();
    assert_eq!(bill.used.completion, 501);
}

/// A served stream that Envoy itself ends (`OM`: its overload manager resets streams) was sent.
#[test]
fn a_served_stream_was_sent_whatever_the_flags() {
    let mut gateway = budgeted(
        &json!([{"tokens": {"input": "0", "output": "1"}}]),
        "1",
        &json!({}),
    );
    let (mut exchange, admitted) =
        gateway.chat(&json!({"model": "chat", "messages": [], "stream": true, "max_tokens": 1000}));
    admitted.unwrap();
    gateway.begin_stream(&mut exchange);
    for _ in 0..500 {
        gateway.pass_on(
            &mut exchange,
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n",
        );
    }
    let ending = Ending {
        client_left: false,
        never_sent: true,
    };
    gateway.settle(&mut exchange, ending);
    let bill = exchange.settle(ending, gateway.now.monotonic).bill.unwrap();
    assert_eq!(bill.used.completion, 500, "{:?}", bill.basis);
}

/// A limit that never grants what is usual admits one request after the other, by what it has left.
#[test]
fn a_small_limit_locks_nobody_out() {
    let rule = "key:acme/payments/key:tokens/day";
    let limit = json!([{"rule": rule, "measure": "tokens", "per": "day", "amount": "1000"}]);
    let mut gateway = Gateway::new(&document(&Value::Null, &limit));
    let body = json!({"model": "chat", "messages": [{"role": "user", "content": "hi"}]});
    let mut served = 0;
    while let (mut exchange, Ok(_)) = gateway.chat(&body) {
        let (_, second) = gateway.chat(&body);
        assert_eq!(refusal(&second.unwrap_err()).0, 429, "all is reserved");
        gateway.answer(
            &mut exchange,
            &json!({"prompt_tokens": 10, "completion_tokens": 90}),
        );
        served += 1;
    }
    assert_eq!(served, 10);
}

/// What is learned is shared in turn.
#[test]
fn every_model_is_shared_in_turn() {
    use tollgate_core::limits::learning::Learning;
    let mut learning = Learning::default();
    let mut told = std::collections::BTreeSet::new();
    for _tick in 0..100 {
        for model in 0..40 {
            learning.observe(
                &format!("m{model:02}"),
                None,
                Observation {
                    prompt_bytes: 400,
                    prompt_tokens: 100,
                    output_tokens: 10,
                    milliseconds: 1000,
                },
            );
        }
        for subject in learning.unshared(32) {
            let (seen, _) = learning.merged(&subject, None).unwrap();
            told.insert(subject.to_string());
            learning.shared(&subject, seen);
        }
    }
    assert_eq!(told.len(), 40, "in 100 ticks");
}

/// A chat's total alone.
#[test]
fn a_total_alone_of_a_chat() {
    let mut gateway = budgeted(
        &json!([{"tokens": {"input": "1", "output": "10"}}]),
        "1",
        &json!({}),
    );
    let (mut exchange, admitted) = gateway.chat(&json!({"model": "chat", "messages": []}));
    admitted.unwrap();
    gateway.answer(&mut exchange, &json!({"total_tokens": 5010}));
    let bill = exchange
        .settle(Ending::default(), gateway.now.monotonic)
        .bill
        .unwrap();
    assert!(bill.used.completion > 4000, "{:?}", bill.quantities);
}

/// Moonshot's streams tell their usage in the last choice.
#[test]
fn usage_of_a_choice_is_a_report() {
    let prices = json!([{"tokens": {"input": "1", "output": "1"}}]);
    let mut gateway = budgeted(&prices, "1", &json!({}));
    let body = json!({"model": "chat", "messages": [], "stream": true});
    let (mut exchange, admitted) = gateway.chat(&body);
    admitted.unwrap();
    gateway.begin_stream(&mut exchange);
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 500});
    let event =
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}]});
    gateway.pass_on(&mut exchange, &format!("data: {event}\n\ndata: [DONE]\n\n"));
    exchange.response_body(b"", true, gateway.now.monotonic);
    gateway.settle(&mut exchange, Ending::default());
    let bill = exchange
        .settle(Ending::default(), gateway.now.monotonic)
        .bill
        .unwrap();
    assert_eq!((bill.used.prompt, bill.used.completion), (10, 500));
}
