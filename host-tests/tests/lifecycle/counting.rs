//! Every request is counted once, and every token that an upstream reported, however requests end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tollgate_host_tests::scenario::{Abort, Answer, Framing, Request, Step};

use crate::Promise;
use crate::client::{connect, exchange};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{
    COMPLETION_TOKENS, PROMPT_TOKENS, USAGE_EVENT, after, answer, answered, chat, chat_with, held,
    leaving, request, streamed, streamed_chat,
};
use crate::rules::{PLAIN, rules};

pub(crate) const PROMISES: &[Promise] = &[("counting/is-exact-however-requests-end", exact)];

const CLIENTS: usize = 8;
const ROUNDS: usize = 8;
/// Until something that is counted twice would show.
const SETTLE: Duration = Duration::from_millis(500);

/// Sends requests of every kind, each on a connection of its own.
fn client(gateway: &Gateway, number: usize) -> JoinHandle<Result<()>> {
    let (listener, upstream) = (gateway.envoy.listener, gateway.setup.upstream.clone());
    gateway.setup.runtime.spawn(async move {
        for round in 0..ROUNDS {
            let mut kinds = kinds();
            // Not all the same at the same time.
            let first = (number + round) % kinds.len();
            kinds.rotate_left(first);
            for Kind {
                request, answer, ..
            } in kinds
            {
                let mut connection = connect(listener).await?;
                let exchange = exchange(&upstream, &mut connection, &request, Some(&answer));
                exchange.await.with_context(|| format!("{request:?}"))?;
            }
        }
        Ok(())
    })
}

struct Kind {
    request: Request,
    answer: Answer,
    /// Under which it is counted.
    outcome: &'static str,
    /// Whether the upstream reports usage.
    reports: bool,
}

fn exact(folder: &Path) -> Result<()> {
    let gateway = Gateway::with_rules(folder, &rules(PLAIN, &["one", "two"]))?;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| client(&gateway, number))
        .collect();
    for client in clients {
        gateway.setup.runtime.block_on(client)??;
    }
    let expected = expected();
    let settled = wait_for("all are counted", || {
        let all = counts(&gateway)? == expected;
        Ok(all.then_some(()))
    });
    settled.with_context(|| format!("{:?}, not {expected:?}", counts(&gateway)))?;
    std::thread::sleep(SETTLE);
    let later = counts(&gateway)?;
    ensure!(later == expected, "later {later:?}, not {expected:?}");
    gateway.audit()
}

/// Every way in which a request can end.
fn kinds() -> Vec<Kind> {
    let kinds = |outcome, reports, of: Vec<(Request, Answer)>| {
        of.into_iter().map(move |(request, answer)| Kind {
            request,
            answer,
            outcome,
            reports,
        })
    };
    kinds("ok", true, whole())
        .chain(kinds("refused", false, refused()))
        .chain(kinds("client_closed", false, left()))
        .chain(kinds("client_closed", true, left_after_the_usage()))
        .chain(kinds("upstream_error", false, failed()))
        .chain(kinds("interrupted", false, cut_off()))
        .collect()
}

fn whole() -> Vec<(Request, Answer)> {
    let usage = json!({"text": USAGE_EVENT});
    vec![
        (chat("one", "plain"), answered()),
        (streamed_chat("two", "plain"), stream(&[usage])),
    ]
}

fn refused() -> Vec<(Request, Answer)> {
    let keyless = |path: &str| request(json!({"path": path}));
    vec![
        (keyless("/v1/models"), answered()),
        (keyless("/v1/files"), answered()),
        (chat("nobody", "plain"), answered()),
        (chat("one", "absent"), answered()),
    ]
}

fn left() -> Vec<(Request, Answer)> {
    let chunked = Request {
        framing: Framing::Chunked,
        ..chat("one", "plain")
    };
    let sending = Abort::AfterRequestBytes(5);
    let streamed_chat = streamed_chat("one", "plain");
    vec![
        (leaving(chat("one", "plain"), sending), answered()),
        (leaving(chunked, sending), answered()),
        (leaving(chat("one", "plain"), Abort::AfterMs(100)), held()),
        (leaving(streamed_chat, Abort::AfterEvents(1)), streamed()),
    ]
}

fn left_after_the_usage() -> Vec<(Request, Answer)> {
    let options = json!({"include_usage": true});
    let body = json!({"model": "plain", "stream": true, "stream_options": options});
    let request = leaving(chat_with("one", body), Abort::AfterEvents(2));
    let usage = json!({"text": USAGE_EVENT});
    vec![(request, stream(&[usage, json!({"pause_ms": 600_000})]))]
}

fn failed() -> Vec<(Request, Answer)> {
    vec![
        (chat("one", "plain"), after(Step::Reset)),
        (chat("one", "plain"), after(Step::Close)),
        (chat("one", "plain"), answer(json!({"status": 500}))),
    ]
}

fn cut_off() -> Vec<(Request, Answer)> {
    vec![(streamed_chat("one", "plain"), stream(&[json!("reset")]))]
}

/// A stream of one event and what follows.
fn stream(then: &[Value]) -> Answer {
    let event = json!({"text": "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"});
    let steps = [&[event], then].concat();
    answer(json!({
        "headers": {"content-type": "text/event-stream"},
        "framing": "chunked",
        "body": steps,
    }))
}

fn expected() -> BTreeMap<String, i64> {
    let each = (CLIENTS * ROUNDS) as i64;
    let mut expected = BTreeMap::new();
    for Kind {
        outcome, reports, ..
    } in kinds()
    {
        let mut add = |what: &str, n| *expected.entry(what.to_owned()).or_default() += n;
        add("all", each);
        add(outcome, each);
        if reports {
            add("prompt", each * PROMPT_TOKENS);
            add("completion", each * COMPLETION_TOKENS);
        }
    }
    expected
}

fn counts(gateway: &Gateway) -> Result<BTreeMap<String, i64>> {
    let metrics = gateway.metrics()?;
    let mut counts = BTreeMap::new();
    let requests = "tollgate_requests_total";
    for outcome in [
        "ok",
        "refused",
        "client_closed",
        "upstream_error",
        "interrupted",
    ] {
        let count = metrics.total(requests, &[("outcome", outcome)]);
        counts.insert(outcome.to_owned(), count);
    }
    for kind in ["prompt", "completion"] {
        let count = metrics.total("tollgate_tokens_total", &[("kind", kind)]);
        counts.insert(kind.to_owned(), count);
    }
    counts.insert("all".to_owned(), metrics.total(requests, &[]));
    Ok(counts)
}
