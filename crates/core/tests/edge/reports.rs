//! Reports of usage in odd shapes and places.

use serde_json::{Value, json};
use tollgate_core::settlement::Ending;

use crate::gateway::{Gateway, document};

/// What an answer in these pieces is charged for: prompt and output tokens.
fn charged(body: &Value, pieces: &[&str]) -> (u64, u64) {
    let prices = json!([{"tokens": {"input": "1", "output": "1"}}]);
    let limits = json!([{"rule": "key:acme/payments/key:budget/day", "measure": "budget",
        "amount": "1", "per": "day"}]);
    let mut gateway = Gateway::new(&document(&prices, &limits));
    let (mut exchange, admitted) = gateway.chat(body);
    admitted.unwrap();
    if body["stream"] == true {
        gateway.begin_stream(&mut exchange);
    } else {
        gateway.told(&mut exchange);
    }
    for piece in pieces {
        exchange.response_body(piece.as_bytes(), false, gateway.now.monotonic);
    }
    exchange.response_trailers(gateway.now.monotonic);
    gateway.settle(&mut exchange, Ending::default());
    let settlement = exchange.settlement(Ending::default(), gateway.now.monotonic);
    let bill = settlement.bill.unwrap();
    (bill.used.prompt, bill.used.completion)
}

fn chat() -> Value {
    json!({"model": "chat", "messages": []})
}

#[test]
fn a_count_that_is_given_twice_spoils_nothing() {
    let usage = r#"{"usage":{"prompt_tokens":9,"completion_tokens":5000,"prompt_tokens":10}}"#;
    assert_eq!(charged(&chat(), &[usage]), (10, 5000));
}

/// Some tell of each step of the work.
#[test]
fn a_report_may_be_long() {
    let steps: Vec<_> = (0..200)
        .map(|step| json!({"step": step, "tokens": 25}))
        .collect();
    let usage = json!({"steps": steps, "prompt_tokens": 10, "completion_tokens": 5000});
    let answer = json!({"usage": usage}).to_string();
    assert!(answer.len() > 4096);
    assert_eq!(charged(&chat(), &[&answer]), (10, 5000));
}

#[test]
fn an_empty_report_takes_none_away_however_the_answer_is_cut() {
    let answer =
        r#"{"usage":{"prompt_tokens":10,"completion_tokens":5000},"message":{"usage":{}}}"#;
    for cut in 0..answer.len() {
        let (first, second) = answer.split_at(cut);
        assert_eq!(charged(&chat(), &[first, second]), (10, 5000), "at {cut}");
    }
}

/// The prompt is estimated, and the rest of it is the answer.
#[test]
fn a_total_alone_is_of_both_sides() {
    let (prompt, output) = charged(&chat(), &[r#"{"usage":{"total_tokens":5010}}"#]);
    assert_eq!(prompt + output, 5010);
    assert!(output > 4900, "{output}");
}

/// Moonshot's streams tell their usage in the last choice.
#[test]
fn a_choice_may_hold_the_report() {
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 500});
    let choice = json!({"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage});
    let event = json!({"choices": [choice]});
    let body = json!({"model": "chat", "messages": [], "stream": true});
    let stream = format!("data: {event}\n\ndata: [DONE]\n\n");
    assert_eq!(charged(&body, &[&stream]), (10, 500));
}
