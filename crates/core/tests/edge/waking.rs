//! An answer that may say that a model is asleep: what is held, what passes, what is replaced.

use serde_json::{Value, json};
use tollgate_core::concerns::Concerns;
use tollgate_core::exchange::{DECISIVE, Exchange, HeldAnswer, Hold, ResponseHead};
use tollgate_core::reply::Reply;
use tollgate_core::settlement::{Ending, Outcome};

use crate::gateway::{Gateway, document, refusal};

const TIMED_OUT: &str = "inference error: ServiceUnavailable - request timed out in queue: request \
                         evicted from queue: request TTL expired";
const HEAD: ResponseHead<'_> = ResponseHead {
    status: 503,
    content_type: Some(b"text/plain"),
    content_encoding: None,
    content_length: None,
    dropped_reason: None,
    end_of_stream: false,
    now: 0,
};

/// A model that takes ten minutes to start, and a budget of a dollar.
fn sleepy() -> Value {
    let prices = json!([{"tokens": {"input": "1", "output": "1"}}]);
    let limits = json!([{"rule": "key:acme/payments/key:budget/day", "measure": "budget",
        "amount": "1", "per": "day"}]);
    let mut document = document(&prices, &limits);
    document["models"][0]["targets"][0]["cold_start"] = json!(600);
    document
}

fn forwarded(gateway: &mut Gateway) -> Exchange {
    let (exchange, admitted) = gateway.chat(&json!({"model": "chat", "messages": []}));
    admitted.unwrap();
    exchange
}

/// What comes of an answer in two pieces: whether the first one is held, and what passes in the end.
fn answer(first: &str, all: &str) -> (bool, Option<Reply>) {
    let mut gateway = Gateway::new(&sleepy());
    let mut exchange = forwarded(&mut gateway);
    assert_eq!(exchange.response_headers(HEAD).hold, Some(Hold::Waking));
    let mut held = |text: &str, end| {
        let length = text.len().min(DECISIVE);
        exchange.held_answer(&text.as_bytes()[..length], end, gateway.now.monotonic)
    };
    match held(first, false) {
        HeldAnswer::Pass => (false, None),
        HeldAnswer::Replace(reply) => panic!("before its end: {reply:?}"),
        HeldAnswer::Wait => match held(all, true) {
            HeldAnswer::Wait => panic!("at its end"),
            HeldAnswer::Pass => (true, None),
            HeldAnswer::Replace(reply) => (true, Some(reply)),
        },
    }
}

#[test]
fn the_pickers_words_are_replaced_however_they_are_cut() {
    for cut in 0..=TIMED_OUT.len() {
        let (is_held, reply) = answer(&TIMED_OUT[..cut], TIMED_OUT);
        assert!(is_held, "cut at {cut}");
        let reply = reply.unwrap();
        assert_eq!(
            refusal(&reply),
            (
                503,
                "model_waking".to_owned(),
                "no server of the model 'chat' was ready in time: starting one takes about 600 \
                 seconds, retry then (request id: -)"
                    .to_owned()
            )
        );
        let header = |name| {
            let mut headers = reply.headers.iter();
            headers.find(|(known, _)| *known == name).map(|(_, v)| &**v)
        };
        assert_eq!(header("retry-after"), Some("600"));
        assert_eq!(header("x-should-retry"), Some("false"));
    }
}

#[test]
fn what_differs_passes_at_the_first_byte_that_does() {
    for place in 0..TIMED_OUT.len() {
        let mut bytes = TIMED_OUT.as_bytes().to_vec();
        bytes[place] ^= 1;
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(answer(&text[..=place], &text), (false, None), "{text}");
        assert_eq!(answer(&text[..place], &text), (true, None), "{text}");
    }
    let longer = format!("{TIMED_OUT}.");
    assert_eq!(answer(&longer, &longer), (false, None));
    assert_eq!(answer(TIMED_OUT, &longer), (true, None));
    assert_eq!(answer("", ""), (true, None));
}

#[test]
fn only_answers_that_could_be_the_pickers_are_held() {
    let holds = |document: &Value, head| {
        let mut gateway = Gateway::new(document);
        let mut exchange = forwarded(&mut gateway);
        exchange.response_headers(head).hold.is_some()
    };
    let length = u64::try_from(TIMED_OUT.len()).unwrap();
    let with_length = |length| ResponseHead {
        content_length: Some(length),
        ..HEAD
    };
    assert!(holds(&sleepy(), with_length(length)));
    for other in [
        with_length(length - 1),
        with_length(length + 1),
        with_length(u64::MAX),
        ResponseHead {
            status: 500,
            ..HEAD
        },
        ResponseHead {
            content_encoding: Some(b"gzip"),
            ..HEAD
        },
        ResponseHead {
            end_of_stream: true,
            ..HEAD
        },
    ] {
        assert!(!holds(&sleepy(), other), "{other:?}");
    }
    let mut awake = sleepy();
    let target = awake["models"][0]["targets"][0].as_object_mut().unwrap();
    target.remove("cold_start");
    assert!(!holds(&awake, HEAD));
}

#[test]
fn it_is_free_and_no_error_of_the_upstream() {
    let mut gateway = Gateway::new(&sleepy());
    let mut exchange = forwarded(&mut gateway);
    exchange.response_headers(HEAD);
    gateway.pass(60);
    let held = exchange.held_answer(TIMED_OUT.as_bytes(), true, gateway.now.monotonic);
    assert!(matches!(held, HeldAnswer::Replace(_)), "{held:?}");
    gateway.settle(&mut exchange, Ending::default());
    let settlement = exchange.settlement(Ending::default(), gateway.now.monotonic);
    assert_eq!(settlement.outcome, Outcome::Refused);
    assert_eq!(settlement.reason, Some("model_waking"));
    assert_eq!(settlement.bill.unwrap().basis.name(), "free");
    assert_eq!(gateway.usage()["left"], "1");
    assert_eq!(gateway.usage()["held"], "0");
}

/// A router alone would account for the exchange a second time.
#[test]
fn a_module_that_does_not_meter_lets_it_pass() {
    let mut gateway = Gateway::new(&sleepy());
    for (concerns, holds) in [(Concerns::GATEWAY, true), (Concerns::MODEL_ROUTER, false)] {
        let mut exchange = gateway.begin_in(concerns, "/v1/chat/completions");
        let body = br#"{"model":"chat","messages":[]}"#;
        let plan = exchange.request_body(body, gateway.now, &gateway.learning);
        plan.unwrap();
        assert_eq!(exchange.response_headers(HEAD).hold.is_some(), holds);
    }
}
