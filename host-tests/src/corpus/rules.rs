//! What a scenario must keep to and its types can't say.

use anyhow::{Result, bail};

use crate::expect::Expect;
use crate::scenario::{Abort, Answer, Exchange, Protocol, Splits, Step};

/// An error says what to write instead.
pub(super) fn check(exchange: &Exchange, protocols: &[Protocol]) -> Result<()> {
    let Exchange {
        request,
        upstream,
        expect,
        ..
    } = exchange;
    match (&request.raw, request.path.is_empty()) {
        (Some(_), true) if protocols != [Protocol::H1] => {
            bail!("`raw` is HTTP/1.1: say `protocols: [h1]`")
        }
        (Some(_), true) | (None, false) => {}
        _ => bail!("`request` needs either `path` or `raw`"),
    }
    let leaves = matches!(
        request.abort,
        Some(Abort::AfterMs(_) | Abort::AfterRequestBytes(_))
    );
    let answered = expect.client.complete.unwrap_or(true);
    if expect.client.status.is_none() && answered && !leaves {
        bail!("`expect.client` needs a `status`");
    }
    match upstream {
        Some(answer) => check_answer(answer, expect),
        None if expects_of_upstream(expect) => {
            bail!("`expect.upstream` says what no `upstream` answers")
        }
        None => Ok(()),
    }
}

fn expects_of_upstream(expect: &Expect) -> bool {
    let e = &expect.upstream;
    e.requests.is_some_and(|n| n > 0) || e.method.is_some() || e.path.is_some() || e.body.is_some()
}

fn check_answer(answer: &Answer, expect: &Expect) -> Result<()> {
    let only_bytes = |step: &Step| !matches!(step, Step::PauseMs(_) | Step::Reset | Step::Close);
    if answer.splits != Splits::AsWritten && !answer.body.iter().all(only_bytes) {
        bail!("`splits` cuts bodies that have no pause, reset or close");
    }
    if let Splits::At(cuts) = &answer.splits {
        let length = answer.bytes().len();
        if !cuts.is_sorted() || cuts.last().is_some_and(|last| *last > length) {
            bail!("`splits` must be in order and within the body's {length} bytes");
        }
    }
    if answer.splits == Splits::Everywhere && !expect.metrics.is_empty() {
        bail!("`metrics` of an exchange that `splits: everywhere` repeats");
    }
    Ok(())
}
