//! `tollgate drain` where the admin interface does not answer as it should.

#[allow(dead_code, reason = "a registry's answers are not needed here")]
#[path = "common/server.rs"]
mod server;

use server::{Server, answer, ok};
use std::collections::VecDeque;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

const IDLE: &[u8] = b"http.tollgate.downstream_rq_active: 0\n";
const BUSY: &[u8] = b"http.tollgate.downstream_rq_active: 1\n";

fn drain(admin: &str, longest: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["drain", "--admin", admin, "--settle", "0"])
        .args(["--longest", longest])
        // There is none.
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .output()
        .unwrap()
}

/// Gives its answers one after the other, and at last that nothing runs.
fn admin(answers: Vec<Box<dyn FnOnce() -> Vec<u8> + Send>>) -> (Server, impl Fn() -> usize) {
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let left = Arc::clone(&answers);
    let server = Server::start(Box::new(move |_, _| {
        let next = answers.lock().unwrap().pop_front();
        next.map_or_else(|| ok(IDLE), |answer| answer())
    }));
    (server, move || left.lock().unwrap().len())
}

#[test]
fn a_question_that_fails_is_asked_again_while_requests_may_run() {
    let unavailable = || answer("503 Service Unavailable", "", b"");
    let (server, left) = admin(vec![
        Box::new(unavailable),
        Box::new(|| ok(b"OK\n")),
        Box::new(|| ok(BUSY)),
        Box::new(unavailable),
        Box::new(|| ok(b"")),
        Box::new(|| {
            // Longer than anybody waits for it.
            sleep(Duration::from_millis(5500));
            ok(BUSY)
        }),
        Box::new(|| ok(BUSY)),
    ]);
    let ended = drain(&server.address, "60");
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), left()), (Some(0), 0), "{said}");
    assert!(ended.stdout.starts_with(b"drained after "), "{said}");
    let admin = &server.address;
    for part in [
        &format!(
            "warning: can't ask http://{admin}/healthcheck/fail: http status: 503; asking again\n"
        ),
        &format!(
            "warning: can't ask http://{admin}/stats?filter=^http\\..*\\.downstream_rq_active$: http status: 503; asking again\n"
        ),
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn an_envoy_that_never_answers_is_given_up_after_the_longest_time() {
    let server = Server::always(answer("503 Service Unavailable", "", b""));
    let ended = drain(&server.address, "1");
    let said = String::from_utf8(ended.stderr).unwrap();
    let problem = format!(
        "can't ask http://{}/healthcheck/fail: http status: 503",
        server.address
    );
    let expected = format!("warning: {problem}; asking again\nerror: {problem}\n");
    assert_eq!((ended.status.code(), said), (Some(2), expected));
}

#[test]
fn a_proxy_is_not_asked_for_what_is_on_this_machine() {
    let (server, _) = admin(Vec::new());
    let ended = drain(&server.address, "0");
    assert_eq!(ended.stdout, b"drained after 0 s\n", "{ended:?}");
}
