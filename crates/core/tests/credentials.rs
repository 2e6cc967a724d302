//! Which credential counts, and what is told about those that don't.

mod common;

use common::{Request, code};
use serde_json::Value;
use tollgate_core::settlement::Ending;

const BODY: &[u8] = br#"{"model":"small"}"#;

/// The outcome and the precise reason that the log gets.
fn send(headers: &[(&str, &[u8])], source: Option<&str>) -> Result<(), (u16, String, String)> {
    let (exchange, result) = Request {
        headers,
        source,
        body: BODY,
        ..Request::default()
    }
    .send();
    let Err(reply) = result else {
        return Ok(());
    };
    let settlement = exchange.settlement(Ending::default(), 0);
    Err((
        reply.status,
        code(&reply),
        settlement.reason.unwrap().to_owned(),
    ))
}

fn refused(reason: &str) -> Result<(), (u16, String, String)> {
    Err((401, "invalid_api_key".to_owned(), reason.to_owned()))
}

#[test]
fn accepted_forms() {
    for headers in [
        &[("authorization", b"Bearer sk-plain".as_slice())][..],
        &[("authorization", b"bEARER \t sk-plain ")],
        &[("x-api-key", b"sk-plain")],
        &[("api-key", b"sk-plain")],
        &[
            ("x-api-key", b"sk-plain"),
            ("authorization", b"Bearer sk-plain"),
        ],
        &[
            ("x-api-key", b"sk-unknown"),
            ("authorization", b"Bearer sk-plain"),
        ],
        &[("x-api-key", b"sk-plain"), ("authorization", b"Basic abc")],
        &[("x-api-key", b"sk-plain"), ("authorization", b"")],
        &[("authorization", b"Bearer sk-expiring")],
    ] {
        assert_eq!(send(headers, None), Ok(()), "{headers:?}");
    }
}

#[test]
fn refusals_look_alike_outside_and_are_precise_inside() {
    let minted = tollgate_core::secret::mint([7; 32]);
    let cut = format!("Bearer {}", &minted[..minted.len() - 1]);
    for (headers, reason) in [
        (&[][..], "key_missing"),
        (&[("authorization", b"".as_slice())], "key_missing"),
        (&[("authorization", b"Bearer")], "key_malformed"),
        (&[("authorization", b"Bearersk-plain")], "key_malformed"),
        (&[("authorization", b"Basic sk-plain")], "key_malformed"),
        (&[("authorization", b"sk-plain")], "key_malformed"),
        (&[("authorization", b"Bearer \xff\xfe")], "key_unknown"),
        (&[("authorization", b"Bearer sk-plai")], "key_unknown"),
        (&[("authorization", b"Bearer sk-expired")], "key_expired"),
        (&[("x-api-key", b"sk-disabled")], "key_disabled"),
        (&[("authorization", minted.as_bytes())], "key_malformed"),
        (&[("authorization", cut.as_bytes())], "key_damaged"),
    ] {
        assert_eq!(send(headers, None), refused(reason), "{headers:?}");
    }
}

#[test]
fn several_keys_are_refused() {
    for headers in [
        &[
            ("x-api-key", b"sk-plain".as_slice()),
            ("authorization", b"Bearer sk-foreign"),
        ][..],
        &[
            ("x-api-key", b"sk-plain"),
            ("authorization", b"Bearer sk-expired"),
        ],
        &[("authorization", b"Bearer sk-plain,Bearer sk-plain")],
        &[("x-api-key", b"sk-plain, sk-plain")],
        &[("x-api-key", b"sk-plain"), ("x-api-key", b"sk-foreign")],
    ] {
        let (status, code, _) = send(headers, None).unwrap_err();
        assert_eq!(
            (status, code.as_str()),
            (400, "conflicting_credentials"),
            "{headers:?}"
        );
    }
}

#[test]
fn a_key_bound_to_networks() {
    let headers: &[(&str, &[u8])] = &[("authorization", b"Bearer sk-inside")];
    for source in ["10.255.0.1", "2001:db8::1", "::ffff:10.0.0.1"] {
        assert_eq!(send(headers, Some(source)), Ok(()), "{source}");
    }
    for source in [Some("11.0.0.1"), Some("::1"), Some("::ffff:11.0.0.1"), None] {
        assert_eq!(
            send(headers, source),
            refused("key_source_not_allowed"),
            "{source:?}"
        );
    }
}

#[test]
fn an_unknown_key_is_named_by_the_beginning_of_its_hash() {
    let headers: &[(&str, &[u8])] = &[("authorization", b"Bearer sk-typo")];
    let (exchange, result) = Request {
        headers,
        body: BODY,
        ..Request::default()
    }
    .send();
    let hash = exchange
        .settlement(Ending::default(), 0)
        .key_hash
        .unwrap()
        .to_owned();
    let whole = tollgate_core::secret::hash(b"sk-typo");
    assert_eq!(
        hash,
        whole[..6]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    );
    let body: Value = serde_json::from_slice(&result.unwrap_err().body).unwrap();
    assert!(!body.to_string().contains(&hash), "the client is not told");
}

#[test]
fn credentials_and_hints_do_not_go_upstream() {
    let headers: &[(&str, &[u8])] = &[
        ("authorization", b"Bearer sk-plain"),
        ("x-api-key", b"sk-unknown"),
        ("x-api-key", b"sk-unknown"),
        ("x-tollgate-cluster", b"forged"),
        ("x-gateway-anything", b"forged"),
        ("accept-encoding", b"gzip"),
        ("anthropic-beta", b"kept"),
    ];
    let (_, result) = Request {
        headers,
        body: BODY,
        ..Request::default()
    }
    .send();
    let forward = result.unwrap();
    assert_eq!(
        forward.remove,
        [
            "accept-encoding",
            "authorization",
            "x-api-key",
            "x-gateway-anything",
            "x-tollgate-cluster"
        ]
    );
    let cluster = forward
        .set
        .iter()
        .find(|(name, _)| *name == "x-tollgate-cluster");
    assert_eq!(cluster.unwrap().1, "default");
}
