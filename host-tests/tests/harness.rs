//! The harness against itself: with no gateway in between, client and upstream must see exactly
//! what the other did, and neither may overlook what a broken gateway could do.

use std::net::Ipv4Addr;

use tollgate_host_tests::check::problems;
use tollgate_host_tests::client::End;
use tollgate_host_tests::corpus;
use tollgate_host_tests::scenario::Protocol;
use tollgate_host_tests::stage::{Played, Seen, Stage};
use tollgate_host_tests::upstream::Upstream;

async fn stage() -> Stage {
    stage_by(Protocol::H1).await
}

async fn stage_by(protocol: Protocol) -> Stage {
    let upstream = Upstream::start(&["default"], protocol).await.unwrap();
    Stage {
        gateway: upstream.addresses()["default"],
        upstream,
    }
}

/// Plays a scenario and gives what was seen and what is wrong with it.
async fn play(stage: &Stage, scenario: &str) -> (Vec<Seen>, Vec<String>) {
    let tests = corpus::parse("self", scenario).unwrap();
    let Played { seen, stopped } = stage.play(&tests[0], Ipv4Addr::LOCALHOST).await;
    let exchanges = tests[0].exchanges.iter().zip(&seen);
    let wrong = exchanges.flat_map(|(exchange, seen)| problems(exchange, seen, None));
    let wrong = wrong.chain(stopped).collect();
    (seen, wrong)
}

#[tokio::test]
async fn both_sides_see_what_the_other_sent() {
    let scenario = r#"
about: every kind of expectation, met
protocols: [h1]
request:
  path: /a?b
  headers: {x-hostile: "a\xff\x80b", x-two: [one, two]}
  body: {text: "héllo"}
  framing: chunked
  splits: [0, 2]
  trailers: {x-end: "1"}
upstream:
  status: 201
  framing: chunked
  body: [{text: "data: 1\r\n\r\n"}, {pause_ms: 5}, {base64: wqM=}, {repeat: {fill: ab, times: 3}}]
  splits: as_written
  trailers: {x-last: "2"}
expect:
  client:
    status: 201
    headers: {content-type: application/json, x-none: <absent>}
    trailers: {x-last: "2"}
    body: unchanged
  upstream:
    at: default
    method: POST
    path: /a?b
    headers: {x-hostile: "a\xff\x80b", x-two: "one, two", x-scenario: self/h1.0}
    trailers: {x-end: "1"}
    body: unchanged
    answer_taken: true
then:
- request: {path: /second}
  upstream: {body: [{text: '{"a":1,"b":"x (id: 7)"}'}], splits: bytes}
  expect:
    client: {status: 200, body: {json: {b: "x (id: <request_id>)", c: <absent>}}}
    upstream: {method: GET, body: empty}
"#;
    let stage = stage().await;
    let (_, wrong) = play(&stage, scenario).await;
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(stage.upstream.strays(), Vec::<String>::new());
}

#[tokio::test]
async fn both_sides_see_it_over_http2_too() {
    let scenario = r#"
about: every kind of expectation that HTTP/2 has, met
protocols: [h2]
request:
  path: /a?b
  headers: {x-hostile: "a\xff\x80b", x-two: [one, two]}
  body: {generated: {fill: "0123456789", times: 30000}}
  splits: [0, 2]
  trailers: {x-end: "1"}
upstream:
  status: 201
  framing: chunked
  body: [{repeat: {fill: "0123456789", times: 30000}}, {pause_ms: 5}, {text: end}]
  trailers: {x-last: "2"}
expect:
  client: {status: 201, headers: {content-type: application/json}, trailers: {x-last: "2"}, body: unchanged}
  upstream:
    method: POST
    path: /a?b
    headers: {x-hostile: "a\xff\x80b", x-two: "one, two", content-length: "300000"}
    trailers: {x-end: "1"}
    body: unchanged
    answer_taken: true
then:
- request: {path: /reset}
  upstream: {body: [{text: abc}, {pause_ms: 20}, reset]}
  expect: {client: {status: 200, complete: false, body: {text: abc}}}
- request: {path: /refused}
  upstream: {refuse_first: 1}
  expect: {client: {status: 200}}
- request: {path: /left, abort: {after_response_bytes: 1}}
  upstream: {body: [{text: abc}, {pause_ms: 20000}]}
  expect: {client: {status: 200}, upstream: {answer_taken: false}}
"#;
    let stage = stage_by(Protocol::H2).await;
    let (seen, mut wrong) = play(&stage, scenario).await;
    assert_eq!(seen[2].client.status, None);
    wrong.retain(|problem| !problem.starts_with("client: "));
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(stage.upstream.strays(), Vec::<String>::new());
}

#[tokio::test]
async fn unmet_expectations_are_told() {
    let scenario = r#"
about: every kind of expectation, not met
protocols: [h1]
request: {path: /, body: {text: abc}}
upstream: {body: [{text: "{}"}]}
expect:
  client: {status: 404, headers: {x-none: "1"}, body: {text: "[]"}, complete: false}
  upstream: {requests: 2, path: /other, body: empty, answer_taken: false}
"#;
    let (_, wrong) = play(&stage().await, scenario).await;
    assert_eq!(
        wrong,
        [
            "client: status: expected 404, saw 200 with \"{}\"",
            "client: expected an answer cut off, saw Complete",
            "client: header x-none: expected \"1\", saw none",
            "client: body: expected \"[]\", saw \"{}\"",
            "upstream: requests: expected 2, saw 1: [\"\\\"POST / HTTP/1.1\\\\r\\\\nhost: gateway.test\\\\r\\\\nx-scenario: self/h1.0\\\\r\\\\ncontent-length: 3\\\\r\\\\n\\\\r\\\\n\\\"\"]",
            "upstream: path: expected \"/other\", saw \"/\"",
            "upstream: body: differs at byte 0 of 0 expected, 3 seen: expected …\"\", saw …\"abc\"",
            "upstream: answer taken: expected false",
        ]
    );
}

#[tokio::test]
async fn the_upstream_sees_smuggled_bytes() {
    let scenario = r#"
about: a body longer than its content-length
protocols: [h1]
request: {path: /, headers: {content-length: "2"}, body: {text: "{}GET /smuggled HTTP/1.1"}}
upstream: {}
expect: {client: {status: 200}}
"#;
    let stage = stage().await;
    play(&stage, scenario).await;
    // The connection ends with the test's client; then the upstream knows that this is all.
    let strays = wait_for_strays(&stage).await;
    assert_eq!(
        strays,
        ["default, behind self/h1.0: cut off in a head, after \"GET /smuggled HTTP/1.1\""]
    );
}

#[tokio::test]
async fn the_upstream_refuses_requests_of_no_scenario() {
    let scenario = r#"
about: a whole request smuggled behind another
protocols: [h1]
request: {path: /, headers: {content-length: "2"}, body: {text: "{}GET /smuggled HTTP/1.1\r\n\r\n"}}
upstream: {}
expect: {client: {status: 200}}
"#;
    let stage = stage().await;
    play(&stage, scenario).await;
    let strays = wait_for_strays(&stage).await;
    assert_eq!(
        strays,
        ["default, behind self/h1.0: a request of no running scenario (\"\")"]
    );
}

async fn wait_for_strays(stage: &Stage) -> Vec<String> {
    for _ in 0..200 {
        let strays = stage.upstream.strays();
        if !strays.is_empty() {
            return strays;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Vec::new()
}

#[tokio::test]
async fn the_client_sees_truncation() {
    for (steps, framing) in [
        ("[{text: abc}, close]", "chunked"),
        ("[{text: abc}, reset]", "chunked"),
        (
            "[{text: abc}, close]",
            "as_written, headers: {content-length: '9'}",
        ),
    ] {
        let scenario = format!(
            "{{about: cut, protocols: [h1], request: {{path: /}},\
             upstream: {{framing: {framing}, body: {steps}}},\
             expect: {{client: {{status: 200, complete: false}}}}}}"
        );
        let (seen, wrong) = play(&stage().await, &scenario).await;
        assert_eq!(wrong, Vec::<String>::new(), "{scenario}");
        assert!(matches!(&seen[0].client.end, End::Cut(_)), "{scenario}");
    }
}

#[tokio::test]
async fn the_client_sees_surplus_bytes() {
    let scenario = r#"
about: an answer longer than its content-length
protocols: [h1]
request: {path: /}
upstream: {framing: as_written, headers: {content-length: "2"}, body: [{text: "{}surplus"}]}
expect: {client: {status: 200}}
"#;
    let (_, wrong) = play(&stage().await, scenario).await;
    assert_eq!(wrong, ["bytes behind the last answer: surplus"]);
}

#[tokio::test]
async fn a_client_leaves_where_the_scenario_says() {
    let scenario = r#"
about: leaves after the second event
protocols: [h1]
request: {path: /, abort: {after_events: 2}}
upstream:
  framing: chunked
  body: [{text: "data: 1\n\n"}, {text: "data: 2\n\n"}, {pause_ms: 20000}, {text: "data: 3\n\n"}]
expect:
  client: {status: 200, body: {text: "data: 1\n\ndata: 2\n\n"}}
  upstream: {answer_taken: false}
"#;
    let (_, wrong) = play(&stage().await, scenario).await;
    assert_eq!(wrong, Vec::<String>::new());
}
