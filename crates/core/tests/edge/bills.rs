//! What exchanges are charged where reports are partial, outdated or missing.

use serde_json::json;
use tollgate_core::exchange::{Basis, Exchange};
use tollgate_core::settlement::Ending;

use crate::gateway::{Gateway, document};

fn gateway() -> Gateway {
    let prices = json!([{"tokens": {"input": "1", "output": "1"}}]);
    let limits = json!([{"rule": "key:acme/payments/key:budget/day", "measure": "budget",
        "amount": "1", "per": "day"}]);
    Gateway::new(&document(&prices, &limits))
}

fn begin(gateway: &mut Gateway, path: &str) -> Exchange {
    let body = json!({"model": "chat", "messages": [], "max_tokens": 500});
    let (exchange, admitted) = gateway.post(path, &body);
    admitted.unwrap();
    exchange
}

fn charged(gateway: &mut Gateway, mut exchange: Exchange) -> (Basis, u64, u64) {
    gateway.settle(&mut exchange, Ending::default());
    let settlement = exchange.settlement(Ending::default(), gateway.now.monotonic);
    let bill = settlement.bill.unwrap();
    (bill.basis, bill.used.prompt, bill.used.completion)
}

#[test]
fn a_report_of_one_side_makes_the_other_no_gift() {
    // 64 tokens a second are usual.
    for (usage, expected) in [
        (json!({"completion_tokens": 9}), (Basis::Counted, 12, 9)),
        (json!({"prompt_tokens": 9}), (Basis::Timed, 9, 64)),
        (
            json!({"prompt_tokens": 9, "total_tokens": 12}),
            (Basis::Reported, 9, 3),
        ),
        (
            json!({"prompt_tokens": 9, "completion_tokens": 0}),
            (Basis::Reported, 9, 0),
        ),
    ] {
        let mut gateway = gateway();
        let mut exchange = begin(&mut gateway, "/v1/chat/completions");
        gateway.pass(1);
        gateway.answer(&mut exchange, &usage);
        let bill = exchange
            .settlement(Ending::default(), gateway.now.monotonic)
            .bill
            .unwrap();
        let found = (bill.basis, bill.used.prompt, bill.used.completion);
        assert_eq!(found, expected, "{usage}");
    }
}

#[test]
fn what_came_after_the_last_report_is_counted() {
    let started = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":14,\"output_tokens\":1}}}\n\n";
    let delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n";
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";
    let last = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":40}}\n\n";
    for (end, output) in [(error, 50), ("", 50), (last, 40)] {
        let mut gateway = gateway();
        let mut exchange = begin(&mut gateway, "/v1/messages");
        gateway.begin_stream(&mut exchange);
        let stream = [started, &delta.repeat(50), end].concat();
        // The upstream ends it, in whatever way.
        exchange.response_body(stream.as_bytes(), true, gateway.now.monotonic);
        assert_eq!(
            charged(&mut gateway, exchange),
            (Basis::Reported, 14, output)
        );
    }
}

#[test]
fn a_report_with_each_piece_is_the_truth_of_a_stream_that_is_left() {
    let event = |tokens: u64| {
        let delta = json!({"choices": [{"delta": {"content": "a"}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": tokens}});
        format!("data: {delta}\n\n")
    };
    let mut gateway = gateway();
    let mut exchange = begin(&mut gateway, "/v1/chat/completions");
    gateway.begin_stream(&mut exchange);
    for tokens in [3, 6, 9] {
        gateway.pass_on(&mut exchange, &event(tokens));
    }
    assert_eq!(charged(&mut gateway, exchange), (Basis::Reported, 7, 9));
}

/// An upload is not the upstream's time, nor is it that a client reads slowly.
#[test]
fn time_counts_while_the_upstream_works() {
    let prices = json!([{"second": "1"}]);
    let mut gateway = Gateway::new(&document(&prices, &json!([])));
    let mut exchange = begin(&mut gateway, "/v1/chat/completions");
    gateway.pass(3);
    gateway.told(&mut exchange);
    gateway.pass(100);
    exchange.response_body(
        b"{\"usage\":{\"total_tokens\":9}}",
        true,
        gateway.now.monotonic,
    );
    exchange.close(Ending::default(), gateway.now.monotonic, &gateway.learning);
    let bill = exchange
        .settlement(Ending::default(), gateway.now.monotonic)
        .bill
        .unwrap();
    assert_eq!(bill.cost.usd.to_string(), "3");
}
