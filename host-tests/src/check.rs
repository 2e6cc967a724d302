//! Comparing what was seen of an exchange with what its scenario promises.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::{self, End};
use crate::expect::{BodyExpect, ClientExpect, Marks, UpstreamExpect};
use crate::headers::Headers;
use crate::scenario::{Abort, Exchange};
use crate::stage::Seen;
use crate::upstream::Received;
use crate::wire::excerpt;

/// One line for each promise that was not kept. `record` is the exchange's access-log record,
/// where the driver has one.
pub fn problems(exchange: &Exchange, seen: &Seen, record: Option<&Value>) -> Vec<String> {
    let request_id = record
        .and_then(|r| r.get("request_id"))
        .and_then(Value::as_str);
    let mut check = Check {
        marks: Marks { request_id },
        problems: Vec::new(),
    };
    check.client(exchange, &seen.client);
    check.upstream(exchange, &seen.upstream);
    if let Some(record) = record {
        check.log(&exchange.expect.log, record);
    }
    check.problems
}

struct Check<'a> {
    marks: Marks<'a>,
    problems: Vec<String>,
}

impl Check<'_> {
    fn client(&mut self, exchange: &Exchange, seen: &client::Seen) {
        let expect: &ClientExpect = &exchange.expect.client;
        if expect.status != seen.status {
            let (expected, status) = (shown(expect.status), shown(seen.status));
            let body = excerpt(&seen.body);
            self.problem(
                "client: status",
                &format!("expected {expected}, saw {status} with {body}"),
            );
        }
        self.end(exchange, &seen.end);
        self.headers("client: header", &expect.headers, &seen.headers);
        self.headers("client: trailer", &expect.trailers, &seen.trailers);
        let sent = exchange.upstream.as_ref().map(|answer| answer.bytes());
        if let Some(body) = &expect.body {
            self.body("client: body", body, &seen.body, &sent.unwrap_or_default());
        }
    }

    fn end(&mut self, exchange: &Exchange, seen: &End) {
        let leaves = match exchange.request.abort {
            None | Some(Abort::StallAfterRequestBytes(_)) => false,
            Some(_) => true,
        };
        let expected = exchange.expect.client.complete.unwrap_or(true);
        let right = match seen {
            End::Complete => !leaves && expected,
            End::Cut(_) => !leaves && !expected,
            End::Left => leaves,
        };
        if !right {
            let expected = match (leaves, expected) {
                (true, _) => "the client to leave",
                (false, true) => "a complete answer",
                (false, false) => "an answer cut off",
            };
            self.problem("client", &format!("expected {expected}, saw {seen:?}"));
        }
    }

    fn upstream(&mut self, exchange: &Exchange, received: &[Received]) {
        let expect: &UpstreamExpect = &exchange.expect.upstream;
        let default = usize::from(exchange.upstream.is_some());
        let expected = expect.requests.unwrap_or(default);
        if expected != received.len() {
            let heads: Vec<_> = received.iter().map(|r| excerpt(&r.head)).collect();
            let seen = format!("expected {expected}, saw {}: {heads:?}", received.len());
            self.problem("upstream: requests", &seen);
        }
        let sent = exchange.request.body.as_ref().map(|body| body.bytes());
        let sent = sent.unwrap_or_default();
        for request in received {
            self.received(expect, request, &sent);
        }
    }

    fn received(&mut self, expect: &UpstreamExpect, request: &Received, sent: &[u8]) {
        for (what, expected, seen) in [
            ("upstream: at", &expect.at, &request.at),
            ("upstream: method", &expect.method, &request.method),
            ("upstream: path", &expect.path, &request.path),
        ] {
            if let Some(expected) = expected {
                self.text(what, expected, Some(seen));
            }
        }
        self.headers("upstream: header", &expect.headers, &request.headers);
        self.headers("upstream: trailer", &expect.trailers, &request.trailers);
        if let Some(body) = &expect.body {
            self.body("upstream: body", body, &request.body, sent);
        }
        if let Some(expected) = expect.answer_taken
            && expected != request.answer_taken
        {
            self.problem("upstream: answer taken", &format!("expected {expected}"));
        }
    }

    fn log(&mut self, expected: &BTreeMap<String, Value>, record: &Value) {
        for (field, expected) in expected {
            let seen = match record.get(field) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => Some(other.to_string()),
            };
            let expected = match expected {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            self.text(&format!("log: {field}"), &expected, seen.as_deref());
        }
    }

    fn headers(&mut self, what: &str, expected: &BTreeMap<String, String>, seen: &Headers) {
        for (name, expected) in expected {
            let latin1 = |value: Vec<u8>| value.into_iter().map(char::from).collect::<String>();
            let value = seen.value(name).map(latin1);
            self.text(&format!("{what} {name}"), expected, value.as_deref());
        }
    }

    fn body(&mut self, what: &str, expected: &BodyExpect, seen: &[u8], sent: &[u8]) {
        match expected {
            BodyExpect::Empty => self.bytes(what, b"", seen),
            BodyExpect::Text(expected) => match std::str::from_utf8(seen) {
                Ok(text) => self.text(what, expected, Some(text)),
                Err(_) => self.bytes(what, expected.as_bytes(), seen),
            },
            BodyExpect::Json(expected) => match serde_json::from_slice(seen) {
                Ok(seen) => self
                    .marks
                    .json_problems(expected, &seen, what, &mut self.problems),
                Err(error) => {
                    self.problem(what, &format!("not JSON ({error}): {}", excerpt(seen)));
                }
            },
            BodyExpect::Unchanged => self.bytes(what, sent, seen),
            BodyExpect::UnchangedWithout(parts) => match without(sent, parts) {
                Ok(expected) => self.bytes(what, &expected, seen),
                Err(problem) => self.problem(what, &problem),
            },
            BodyExpect::UnchangedFirst(least) => {
                let expected = &sent[..seen.len().max(*least).min(sent.len())];
                self.bytes(what, expected, seen);
            }
        }
    }

    fn bytes(&mut self, what: &str, expected: &[u8], seen: &[u8]) {
        if expected == seen {
            return;
        }
        let same = expected
            .iter()
            .zip(seen)
            .take_while(|(a, b)| a == b)
            .count();
        let here = |bytes: &[u8]| excerpt(&bytes[same.saturating_sub(20).min(bytes.len())..]);
        let problem = format!(
            "differs at byte {same} of {} expected, {} seen: expected …{}, saw …{}",
            expected.len(),
            seen.len(),
            here(expected),
            here(seen)
        );
        self.problem(what, &problem);
    }

    fn text(&mut self, what: &str, expected: &str, seen: Option<&str>) {
        if let Some(problem) = self.marks.text_problem(expected, seen) {
            self.problem(what, &problem);
        }
    }

    fn problem(&mut self, what: &str, problem: &str) {
        self.problems.push(format!("{what}: {problem}"));
    }
}

fn shown(status: Option<u16>) -> String {
    status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

/// What was sent, less parts that must be in it exactly once.
fn without(sent: &[u8], parts: &[String]) -> Result<Vec<u8>, String> {
    let mut rest = sent.to_vec();
    for part in parts {
        let found: Vec<_> = memchr::memmem::find_iter(&rest, part).collect();
        match found[..] {
            [at] => drop(rest.drain(at..at + part.len())),
            _ => return Err(format!("the scenario sends {part:?} {} times", found.len())),
        }
    }
    Ok(rest)
}
