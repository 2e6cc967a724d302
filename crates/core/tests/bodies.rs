//! What of a request's body is decided on, what is changed, and what passes as it is.

mod common;

use common::{Request, post};
use proptest::prelude::*;
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";

#[test]
fn the_served_name_replaces_alias_and_name() {
    for name in ["small", "gpt-4o-mini", "org/small", "sm\\u0061ll"] {
        let sent = post(CHAT, &format!(r#"{{"model":"{name}","x":1}}"#)).unwrap();
        assert!(
            sent["model"].as_str().unwrap().starts_with("small-"),
            "{sent}"
        );
        assert_eq!(sent["x"], 1);
    }
}

#[test]
fn bodies_that_decide_ambiguously_are_refused() {
    for (body, code) in [
        ("", "missing_body"),
        ("nonsense", "invalid_json"),
        ("[]", "invalid_json"),
        ("\"model\"", "invalid_json"),
        ("null", "invalid_json"),
        (r#"{"model":"small"} {}"#, "invalid_json"),
        (r#"{"model":"small",}"#, "invalid_json"),
        (r#"{"messages":[]}"#, "invalid_request"),
        (r#"{"model":null}"#, "invalid_request"),
        (r#"{"model":7}"#, "invalid_request"),
        (r#"{"model":["small"]}"#, "invalid_request"),
        (r#"{"model":"small","model":"coder"}"#, "duplicate_field"),
        (
            r#"{"model":"small","mod\u0065l":"coder"}"#,
            "duplicate_field",
        ),
        (r#"{"model":"small","Model":"coder"}"#, "invalid_request"),
        (r#"{"model":"small","stream":"true"}"#, "invalid_request"),
        (r#"{"model":"small","stream":1}"#, "invalid_request"),
        (
            r#"{"model":"small","stream":true,"stream":false}"#,
            "duplicate_field",
        ),
        (
            r#"{"model":"small","stream":true,"stream_options":7}"#,
            "invalid_request",
        ),
        (
            r#"{"model":"small","stream":true,"stream_options":{"include_usage":false,"include_usage":true}}"#,
            "duplicate_field",
        ),
        (
            r#"{"model":"small","stream":true,"stream_options":{"include_usage":1}}"#,
            "invalid_request",
        ),
        (r#"{"model":"nope"}"#, "model_not_found"),
        (r#"{"model":"SMALL"}"#, "model_not_found"),
        (r#"{"model":"\ud800"}"#, "invalid_request"),
    ] {
        assert_eq!(post(CHAT, body), Err(code.to_owned()), "{body}");
    }
}

#[test]
fn invalid_utf8_is_refused_and_odd_content_passes() {
    let request = Request {
        body: b"{\"model\":\"small\",\"x\":\"\xff\"}",
        ..Request::default()
    };
    assert_eq!(common::code(&request.send().1.unwrap_err()), "invalid_json");

    let odd = r#"{"model":"free","messages":[{"role":"user","role":"user","content":"\ud83d"}],"tools":[{"type":"function","function":{"parameters":{"a":1,"a":2}}}]}"#;
    let request = Request {
        body: odd.as_bytes(),
        ..Request::default()
    };
    assert_eq!(
        request.send().1.unwrap().body,
        None,
        "nothing to change: the very bytes pass"
    );
}

#[test]
fn a_stream_is_made_to_report_usage() {
    for (options, forwarded) in [
        ("", json!({"include_usage": true})),
        (r#","stream_options":null"#, json!({"include_usage": true})),
        (r#","stream_options":{}"#, json!({"include_usage": true})),
        (
            r#","stream_options":{"include_usage":null,"a":1}"#,
            json!({"include_usage": true, "a": 1}),
        ),
        (
            r#","stream_options":{"include_usage":false,"continuous_usage_stats":true}"#,
            json!({"include_usage": true, "continuous_usage_stats": true}),
        ),
    ] {
        for path in [CHAT, "/v1/completions"] {
            let body = format!(r#"{{"model":"small","stream":true{options}}}"#);
            assert_eq!(
                post(path, &body).unwrap()["stream_options"],
                forwarded,
                "{body}"
            );
        }
    }
    let not_streamed = r#"{"model":"small","stream":false,"stream_options":7}"#;
    assert_eq!(post(CHAT, not_streamed).unwrap()["stream_options"], 7);
    for path in ["/v1/responses", "/v1/messages"] {
        let sent = post(path, r#"{"model":"small","stream":true}"#).unwrap();
        assert_eq!(sent.get("stream_options"), None, "{path}");
    }
}

#[test]
fn fill_in_the_middle_only_where_the_model_has_marks() {
    let body = r#"{"model":"coder","prompt":"a","suffix":"b"}"#;
    assert_eq!(
        post("/v1/completions", body).unwrap(),
        json!({"model": "coder-7b", "prompt": "<P>a<S>b<M>"})
    );
    assert_eq!(post(CHAT, body).unwrap()["suffix"], "b");
    let body = r#"{"model":"free","prompt":"a","suffix":"b"}"#;
    assert_eq!(post("/v1/completions", body).unwrap()["suffix"], "b");
}

#[test]
fn content_types() {
    for (value, status) in [
        (&b"application/json"[..], None),
        (b"Application/JSON; charset=utf-8", None),
        (b"application/vnd.api+json", None),
        (b"", None),
        (b"application/x-www-form-urlencoded", Some(415)),
        (b"text/plain", Some(415)),
        (b"multipart/form-data; boundary=application/json", Some(415)),
        (b"\xff", Some(415)),
        (b"text/json", Some(415)),
    ] {
        let headers: &[(&str, &[u8])] = &[
            ("authorization", b"Bearer sk-plain"),
            ("content-type", value),
        ];
        let request = Request {
            headers,
            body: br#"{"model":"small"}"#,
            ..Request::default()
        };
        assert_eq!(
            request.send().1.err().map(|reply| reply.status),
            status,
            "{value:?}"
        );
    }
    let headers: &[(&str, &[u8])] = &[
        ("authorization", b"Bearer sk-plain"),
        ("content-encoding", b"gzip"),
    ];
    let request = Request {
        headers,
        body: b"x",
        ..Request::default()
    };
    assert_eq!(request.send().1.unwrap_err().status, 415);
}

#[test]
fn allow_lists() {
    let as_key = |key: &'static str, model: &str| {
        let authorization = format!("Bearer sk-{key}");
        let headers: &[(&str, &[u8])] = &[("authorization", authorization.as_bytes())];
        let body = format!(r#"{{"model":"{model}"}}"#);
        let request = Request {
            headers,
            body: body.as_bytes(),
            ..Request::default()
        };
        request.send().1.err().map(|reply| common::code(&reply))
    };
    assert_eq!(as_key("plain", "coder"), None);
    assert_eq!(as_key("narrow", "gpt-4o-mini"), None);
    assert_eq!(
        as_key("narrow", "coder").as_deref(),
        Some("model_not_allowed")
    );
    assert_eq!(as_key("foreign", "coder"), None);
    assert_eq!(
        as_key("foreign", "small").as_deref(),
        Some("model_not_allowed")
    );
    assert_eq!(
        as_key("foreign", "nope").as_deref(),
        Some("model_not_found")
    );
}

proptest! {
    #[test]
    fn any_body_is_answered_or_forwarded_as_json(
        body in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"model\"", "\"small\"", "\"free\"", "\"stream\"",
                "true", "null", "\"input\"", "\"messages\"", "\"content\"", "\"file_id\"", "\\u0066",
                "\"", " ", "1", "\"tools\"", "\"type\"", "\u{e9}",
            ]),
            0..24,
        ),
        path in prop::sample::select(vec![CHAT, "/v1/responses", "/v1/messages", "/v1/completions"]),
    ) {
        // `post` checks that what is forwarded is JSON.
        let _ = post(path, &body.concat());
    }
}
