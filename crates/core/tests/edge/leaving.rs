//! Clients that leave before the end pay for what was made for them.

use serde_json::{Value, json};
use tollgate_core::exchange::{Basis, Exchange};
use tollgate_core::limits::learning::Observation;
use tollgate_core::settlement::Ending;

use crate::gateway::{Gateway, document};

const LEFT: Ending = Ending {
    client_left: true,
    never_sent: false,
};

/// Answers of 256 tokens in four seconds are usual.
fn gateway() -> Gateway {
    let prices = json!([{"second": "0.0002", "tokens": {"input": "0", "output": "1"}}]);
    let limits = json!([{"rule": "key:acme/payments/key:budget/day", "measure": "budget",
        "amount": "10", "per": "day"}]);
    let mut gateway = Gateway::new(&document(&prices, &limits));
    let usual = Observation {
        prompt_bytes: 400,
        prompt_tokens: 100,
        output_tokens: 256,
        milliseconds: 4000,
    };
    (0..100).for_each(|_| gateway.learning.observe("chat", None, usual));
    gateway
}

fn begin(gateway: &mut Gateway, path: &str, body: &Value) -> Exchange {
    let (mut exchange, admitted) = gateway.post(path, body);
    admitted.unwrap();
    if body["stream"] == true {
        gateway.begin_stream(&mut exchange);
    }
    exchange
}

/// Prompt and output tokens.
fn charged(gateway: &mut Gateway, mut exchange: Exchange, ending: Ending) -> (u64, u64) {
    gateway.settle(&mut exchange, ending);
    let settlement = exchange.settlement(ending, gateway.now.monotonic);
    let bill = settlement.bill.unwrap();
    (bill.used.prompt, bill.used.completion)
}

#[test]
fn several_answers_take_the_time_of_one() {
    for (path, body, output) in [
        (
            "/v1/chat/completions",
            json!({"messages": [], "n": 10}),
            2560,
        ),
        (
            "/v1/completions",
            json!({"prompt": vec!["hello"; 100]}),
            25_600,
        ),
    ] {
        let mut gateway = gateway();
        let mut body = body;
        body["model"] = "chat".into();
        body["max_tokens"] = 300.into();
        let exchange = begin(&mut gateway, path, &body);
        gateway.pass(4);
        assert_eq!(charged(&mut gateway, exchange, LEFT).1, output, "{path}");
    }
}

/// With `continuous_usage_stats` vLLM reports with each event the tokens of that event's choice, and of
/// that choice's prompt, alone.
#[test]
fn reports_of_one_answer_are_not_those_of_all() {
    let chat = json!({"model": "chat", "messages": [], "n": 8});
    let completions = json!({"model": "chat", "prompt": vec![vec![7; 1000]; 8]});
    for (path, body, prompts) in [
        ("/v1/chat/completions", chat, 1000),
        ("/v1/completions", completions, 8000),
    ] {
        let mut gateway = gateway();
        let mut body = body;
        body["stream"] = true.into();
        body["max_tokens"] = 100.into();
        let mut exchange = begin(&mut gateway, path, &body);
        for token in 1..=100 {
            for index in 0..8 {
                let usage = json!({"prompt_tokens": 1000, "completion_tokens": token});
                let choice = json!({"index": index, "text": "a"});
                let event = json!({"choices": [choice], "usage": usage});
                gateway.pass_on(&mut exchange, &format!("data: {event}\n\n"));
            }
        }
        let (prompt, output) = charged(&mut gateway, exchange, LEFT);
        assert_eq!(output, 800, "{path}");
        assert!(prompt >= prompts, "{path}: {prompt}");
    }
}

/// Anthropic's first event reports an output token or so; what is thought and not shown follows.
#[test]
fn the_report_of_a_beginning_is_not_all() {
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n";
    let mut gateway = gateway();
    let body = json!({"model": "chat", "messages": [], "max_tokens": 4000, "stream": true});
    let mut exchange = begin(&mut gateway, "/v1/messages", &body);
    gateway.pass_on(&mut exchange, start);
    gateway.pass(60);
    assert_eq!(charged(&mut gateway, exchange, LEFT), (25, 3840));
}

#[test]
fn all_kinds_of_content_count() {
    let thinking = json!({"type": "thinking", "thinking": [{"type": "text", "text": "x"}]});
    for delta in [
        json!({"content": "x"}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]}),
        json!({"tool_calls": [{"index": 0, "custom": {"input": "x"}}]}),
        json!({"function_call": {"arguments": "x"}}),
        json!({"content": [thinking]}),
        json!({"audio": {"transcript": "x"}}),
    ] {
        let mut gateway = gateway();
        let body = json!({"model": "chat", "messages": [], "stream": true});
        let mut exchange = begin(&mut gateway, "/v1/chat/completions", &body);
        let event = json!({"choices": [{"index": 0, "delta": delta}]});
        for _ in 0..500 {
            gateway.pass_on(&mut exchange, &format!("data: {event}\n\n"));
        }
        assert_eq!(charged(&mut gateway, exchange, LEFT).1, 500, "{delta}");
    }
}

/// What has been served was sent, whatever flags the host sets on it besides.
#[test]
fn a_stream_that_is_reset_in_the_middle_is_not_free() {
    let mut gateway = gateway();
    let body = json!({"model": "chat", "messages": [], "stream": true});
    let mut exchange = begin(&mut gateway, "/v1/chat/completions", &body);
    let event = json!({"choices": [{"index": 0, "delta": {"content": "x"}}]});
    gateway.pass_on(&mut exchange, &format!("data: {event}\n\n"));
    let reset = Ending {
        client_left: false,
        never_sent: true,
    };
    assert_eq!(charged(&mut gateway, exchange, reset).1, 1);
}

/// The wall clock is set a day ahead, or an hour back, while a request runs for two seconds.
#[test]
fn the_time_that_work_takes_is_told_by_the_clock_that_nobody_sets() {
    for jump in [86_400, -3_600] {
        let mut gateway = gateway();
        let body = json!({"model": "chat", "messages": [], "max_tokens": 1000});
        let mut exchange = begin(&mut gateway, "/v1/chat/completions", &body);
        gateway.pass(2);
        let wall = gateway.now.wall;
        gateway.now.wall = wall.saturating_add_signed(jump * 1_000_000_000);
        gateway.settle(&mut exchange, LEFT);
        let settlement = exchange.settlement(LEFT, gateway.now.monotonic);
        let bill = settlement.bill.unwrap();
        assert_eq!(bill.basis, Basis::Timed);
        // 0.0004 for the time, 0.000128 for the tokens.
        assert_eq!(bill.cost.usd.to_string(), "0.000528", "{jump}");
    }
}
