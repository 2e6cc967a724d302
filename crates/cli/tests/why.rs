//! `tollgate why`: a line of the access log as a trace.

use std::fs;
use std::process::Command;

const REFUSED: &str = r#"{"request_id":"id-1","time":"2026-11-25T10:00:00.000Z","method":"POST","path":"/v1/chat/completions\u001b[31m","source":"10.0.0.7","organization":"acme","team":"payments","key":"trial","model_requested":"gpt-4o-mini","model":"small","target":"stable","model_served":"small-v1","status":429,"outcome":"refused","reason":"insufficient_quota","limit_rule":"key:acme/payments/trial:budget/day","limit_source":"policies/acme.yaml:24","limit_unit":"usd","limit_amount":"0.00005","limit_left":"0.00001633","limit_held":"0","limit_requested":"0.0000188","cost_usd":null,"details":"","flags":"-","upstream":null,"attempts":0,"policy":"0123456789abcdef"}"#;
const SERVED: &str = r#"{"request_id":"id-2","time":"2026-11-25T10:00:01.000Z","method":"POST","path":"/v1/messages","source":"10.0.0.7","organization":"acme","team":"payments","key":"trial","model_requested":"large","model":"small","fallback_from":"large","target":"stable","model_served":"small-v1","status":200,"outcome":"ok","reason":null,"passed_over":"team:acme/payments:requests/minute:shadow","cost_usd":"0.002","charged":"reported","reserved_usd":"0.001213","price_version":"v7","record_id":"00112233445566aa-1f","details":"via_upstream","flags":"-","upstream":"127.0.0.1:8000","attempts":1,"policy":"0123456789abcdef"}"#;

/// Exit code, standard output, standard error.
fn why(id: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let cut = &SERVED[..100];
    fs::write(&log, format!("not JSON id-1\n{REFUSED}\n{SERVED}\n{cut}")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["why", "--request-id", id, "--log"])
        .arg(&log)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_refusal_is_explained() {
    let expected = "\
request id-1, 2026-11-25T10:00:00.000Z
  asked        POST /v1/chat/completions\\u{1b}[31m from 10.0.0.7
  key          acme/payments/trial
  model        gpt-4o-mini is small; target stable serves small-v1
  answer       429, refused, insufficient_quota
  refused by   key:acme/payments/trial:budget/day (policies/acme.yaml:24)
               limit 0.00005 usd; 0.00001633 left, 0 held by others, 0.0000188 requested
  policy       0123456789abcdef
";
    assert_eq!(why("id-1"), (Some(0), expected.to_owned(), String::new()));
}

#[test]
fn what_was_served_is_explained() {
    let expected = "\
request id-2, 2026-11-25T10:00:01.000Z
  asked        POST /v1/messages from 10.0.0.7
  key          acme/payments/trial
  model        large is small, instead of large; target stable serves small-v1
  answer       200, ok
  passed over  team:acme/payments:requests/minute:shadow
  cost         0.002 USD, reported; 0.001213 reserved; prices v7
  record       00112233445566aa-1f
  upstream     127.0.0.1:8000, attempts: 1
  envoy        via_upstream, flags -
  policy       0123456789abcdef
";
    assert_eq!(why("id-2"), (Some(0), expected.to_owned(), String::new()));
}

#[test]
fn what_is_not_in_the_log_is_exit_code_2() {
    let (code, out, err) = why("id-3");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("no request id-3 in it"), "{err}");
}
