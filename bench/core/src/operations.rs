//! The operations, over inputs as Envoy would hand them over.

use std::hint::black_box;
use std::rc::Rc;

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;
use tollgate_core::concerns::Concerns;
use tollgate_core::credential;
use tollgate_core::exchange::{Earlier, Exchange, RequestHead, ResponseHead, Step};
use tollgate_core::headers::Headers;
use tollgate_core::limits::learning::Learning;
use tollgate_core::limits::time::Now;
use tollgate_core::policy::Policy;
use tollgate_core::settlement::{Ending, UsageSource};

use crate::store::Store;

/// 2026-11-25.
const NOW: u64 = 1_795_564_800_000_000_000;

const CLOCKS: Now = Now {
    wall: NOW,
    monotonic: NOW,
};

/// Those of OpenAI's Python SDK.
const HEADERS: &str = include_str!("../../inputs/headers.txt");
const BODY: &str = include_str!("../../inputs/request.json");
const ANSWER: &str = include_str!("../../inputs/answer.json");
const EVENT: &str = include_str!("../../inputs/delta.sse");

/// What can be run.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Operation {
    /// A whole exchange: a chat's headers and body, its answer, the settlement
    Exchange,
    /// Its first two phases: what stands between a client and the upstream
    Request,
    /// One event of a streamed answer, in the middle of it
    Event,
    /// From headers to a key
    Authenticate,
}

/// The inputs.
pub(crate) struct Bench {
    policy: Rc<Policy>,
    learning: Learning,
    store: Store,
    headers: Vec<(String, Vec<u8>)>,
}

impl Bench {
    pub(crate) fn new(document: &[u8], secret: &str) -> Result<Self> {
        Ok(Self {
            policy: Rc::new(Policy::load(document)?),
            learning: Learning::default(),
            store: Store::default(),
            headers: headers(secret, BODY.len()),
        })
    }

    /// Runs `operation` `count` times.
    ///
    /// # Errors
    /// The core decided otherwise than it should for these inputs.
    pub(crate) fn run(&self, operation: Operation, count: u32) -> Result<()> {
        match operation {
            Operation::Exchange => repeat(count, || self.exchange()),
            Operation::Request => repeat(count, || self.request(BODY).map(drop)),
            Operation::Event => self.events(count),
            Operation::Authenticate => repeat(count, || self.authenticate()),
        }
    }

    fn exchange(&self) -> Result<()> {
        let mut exchange = self.request(BODY)?;
        exchange.response_headers(response_head(b"application/json"));
        exchange.response_body(black_box(ANSWER.as_bytes()), true, NOW);
        exchange.close(Ending::default(), NOW, &self.learning);
        let settlement = black_box(exchange.settlement(Ending::default(), NOW));
        if settlement.usage != UsageSource::Reported {
            bail!("the answer's usage was not read: {settlement:?}");
        }
        if let Some(bill) = &settlement.bill {
            self.store.settle(&exchange, bill.used, CLOCKS);
        }
        Ok(())
    }

    fn request(&self, body: &str) -> Result<Exchange> {
        let mut exchange = Exchange::new(Rc::clone(&self.policy), Concerns::GATEWAY);
        let step = exchange.request_headers(black_box(self.head()), &|| None);
        if !matches!(step, Step::AwaitBody { .. }) {
            bail!("the headers alone led to {step:?}");
        }
        let body = black_box(body.as_bytes());
        let plan = exchange.request_body(body, CLOCKS, &self.learning);
        let plan = plan.map_err(|reply| anyhow!("the body led to {reply:?}"))?;
        let taken = self.store.take(&plan, CLOCKS);
        let admission = exchange.admit(plan, taken, CLOCKS, &self.learning);
        match admission {
            Ok(admission) => drop(black_box(admission)),
            Err(reply) => bail!("the accounts led to {reply:?}"),
        }
        Ok(exchange)
    }

    fn events(&self, count: u32) -> Result<()> {
        let body = BODY.replacen('{', r#"{"stream":true,"#, 1);
        let mut exchange = self.request(&body)?;
        exchange.response_headers(response_head(b"text/event-stream"));
        repeat(count, || {
            let changed =
                black_box(exchange.response_body(black_box(EVENT.as_bytes()), false, NOW));
            if changed.is_some() {
                bail!("an event was changed");
            }
            Ok(())
        })?;
        let counted = exchange.settlement(Ending::default(), NOW).content_deltas;
        if counted != u64::from(count) {
            bail!("{counted} of {count} events were counted");
        }
        Ok(())
    }

    fn authenticate(&self) -> Result<()> {
        let headers = black_box(Headers(&self.headers));
        let now = NOW / 1_000_000_000;
        match black_box(credential::authenticate(
            &self.policy,
            headers,
            &|| None,
            now,
        )) {
            Ok(_) => Ok(()),
            Err(refusal) => bail!("the key was refused: {refusal:?}"),
        }
    }

    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            headers: Headers(&self.headers),
            earlier: Earlier::default(),
            end_of_stream: false,
            now: CLOCKS,
        }
    }
}

fn repeat(count: u32, mut operation: impl FnMut() -> Result<()>) -> Result<()> {
    (0..count).try_for_each(|_| operation())
}

/// A request's headers as Envoy shows them.
fn headers(secret: &str, length: usize) -> Vec<(String, Vec<u8>)> {
    let of_client = HEADERS.lines().filter_map(|line| line.split_once(": "));
    let bearer = format!("Bearer {secret}");
    let length = length.to_string();
    let of_http = [
        (":authority", "127.0.0.1:8080"),
        (":path", "/v1/chat/completions"),
        (":method", "POST"),
        (":scheme", "http"),
        ("authorization", &bearer),
        ("content-length", &length),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "4b7c1f0e-8d0f-4c1e-9f0e-6f6b6b1b5f55"),
    ];
    let headers = of_http.into_iter().chain(of_client);
    headers
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn response_head(content_type: &[u8]) -> ResponseHead<'_> {
    ResponseHead {
        status: 200,
        content_type: Some(content_type),
        content_encoding: None,
        content_length: None,
        dropped_reason: None,
        end_of_stream: false,
        now: NOW,
    }
}
