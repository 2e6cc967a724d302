//! One worker's gateway over a store in memory: requests go through all phases, as an adapter takes
//! them.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_core::concerns::Concerns;
use tollgate_core::exchange::{
    Admission, Earlier, Exchange, Forward, RefusalCache, RequestHead, ResponseHead, Step,
};
use tollgate_core::headers::Headers;
use tollgate_core::limits::extending::Extending;
use tollgate_core::limits::learning::Learning;
use tollgate_core::limits::record::Vm;
use tollgate_core::limits::rule::Demand;
use tollgate_core::limits::settling::Settling;
use tollgate_core::limits::shared::{Store as _, run};
use tollgate_core::limits::taking::{Inputs, Taking};
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::time::Now;
use tollgate_core::limits::vms::Vms;
use tollgate_core::policy::Policy;
use tollgate_core::reply::Reply;
use tollgate_core::secret;
use tollgate_core::settlement::Ending;

use crate::store::Store;

/// Seconds: 2027-01-15T08:00:00Z.
pub(crate) const NOW: u64 = 1_800_000_000;
const SECOND: u64 = 1_000_000_000;

pub(crate) struct Gateway {
    pub(crate) policy: Rc<Policy>,
    pub(crate) now: Now,
    pub(crate) learning: Learning,
    refusals: RefusalCache,
    store: Store,
    /// Bodies that were read.
    pub(crate) bodies: usize,
    /// How often more was reserved for a stream.
    pub(crate) top_ups: usize,
}

/// A document with the key `sk-key` of the team `acme/payments`, a model `chat` with these `prices`
/// (none: it is free), and `limits` of the key.
pub(crate) fn document(prices: &Value, limits: &Value) -> Value {
    let mut chat = json!({"name": "chat", "context": 8192, "targets": [
        {"name": "stable", "model": "chat", "weight": 1, "upstreams": ["default"]},
    ]});
    let mut document = json!({
        "format": 2, "version": "0123456789abcdef",
        "organizations": [{"name": "acme"}],
        "teams": [{"name": "payments", "organization": "acme"}],
        "keys": [{
            "name": "key", "team": "acme/payments", "limits": limits,
            "hash": URL_SAFE_NO_PAD.encode(secret::hash(b"sk-key")),
        }],
    });
    if !prices.is_null() {
        chat["prices"] = prices.clone();
        document["prices"] = json!({"version": "p1"});
    }
    document["models"] = json!([chat]);
    document
}

impl Gateway {
    pub(crate) fn new(document: &Value) -> Self {
        Self {
            policy: Rc::new(Policy::load(document.to_string().as_bytes()).unwrap()),
            now: Now {
                wall: NOW * SECOND,
                monotonic: 5 * SECOND,
            },
            learning: Learning::default(),
            refusals: RefusalCache::default(),
            store: Store::default(),
            bodies: 0,
            top_ups: 0,
        }
    }

    /// Both clocks go on.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now.wall += seconds * SECOND;
        self.now.monotonic += seconds * SECOND;
    }

    /// A chat of `sk-key`.
    pub(crate) fn chat(&mut self, body: &Value) -> (Exchange, Result<Forward, Reply>) {
        self.post("/v1/chat/completions", body)
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> (Exchange, Result<Forward, Reply>) {
        let mut exchange = self.begin(path);
        if let Some(reply) = exchange.refuse_early(&mut self.refusals, || self.now) {
            return (exchange, Err(reply));
        }
        self.bodies += 1;
        let admitted = self.admit(&mut exchange, &body.to_string());
        exchange.remember_refusal(&mut self.refusals, self.now);
        (exchange, admitted)
    }

    /// What a request would ask of the accounts.
    pub(crate) fn demand(&mut self, path: &str, body: &Value) -> Demand {
        let mut exchange = self.begin(path);
        let body = body.to_string();
        let plan = exchange.request_body(body.as_bytes(), self.now, &self.learning);
        plan.unwrap_or_else(|reply| panic!("{:?} {body}", refusal(&reply)))
            .demand()
    }

    fn begin(&mut self, path: &str) -> Exchange {
        self.begin_in(Concerns::GATEWAY, path)
    }

    /// In a module with these concerns.
    pub(crate) fn begin_in(&mut self, concerns: Concerns, path: &str) -> Exchange {
        let headers: Vec<(String, Vec<u8>)> = vec![
            (":method".into(), b"POST".to_vec()),
            (":path".into(), path.into()),
            ("authorization".into(), b"Bearer sk-key".to_vec()),
        ];
        let mut exchange = Exchange::new(Rc::clone(&self.policy), concerns);
        let head = RequestHead {
            headers: Headers(&headers),
            earlier: Earlier::default(),
            end_of_stream: false,
            now: self.now,
        };
        let step = exchange.request_headers(head, &|| None);
        assert!(matches!(step, Step::AwaitBody { .. }), "{step:?}");
        exchange
    }

    fn admit(&mut self, exchange: &mut Exchange, body: &str) -> Result<Forward, Reply> {
        let learning = std::mem::take(&mut self.learning);
        let mut plan = exchange.request_body(body.as_bytes(), self.now, &learning)?;
        let admitted = loop {
            let accounts = plan.accounts();
            let terms: Vec<Terms<'_>> = accounts.iter().map(|account| account.terms).collect();
            let vms = Vms::default();
            let mut taking = Taking::new(Inputs {
                terms: &terms,
                demand: plan.demand(),
                now: self.now,
                vm: Vm::default(),
                vms: &vms,
            });
            run(&mut taking, &mut self.store.of(&accounts));
            let taken = taking.finish();
            drop(accounts);
            match exchange.admit(plan, taken, self.now, &learning) {
                Ok(Admission::Forward(forward)) => break Ok(forward),
                Ok(Admission::Again(cheaper)) => plan = *cheaper,
                Err(reply) => break Err(reply),
            }
        };
        self.learning = learning;
        admitted
    }

    /// The headers that an answer gets.
    pub(crate) fn told(&mut self, exchange: &mut Exchange) -> Vec<(&'static str, String)> {
        let edits = exchange.response_headers(ResponseHead {
            status: 200,
            content_type: Some(b"application/json"),
            content_encoding: None,
            content_length: None,
            dropped_reason: None,
            end_of_stream: false,
            now: self.now.monotonic,
        });
        edits.set
    }

    /// The upstream answers whole, and reports this usage.
    pub(crate) fn answer(&mut self, exchange: &mut Exchange, usage: &Value) {
        self.told(exchange);
        let body = json!({"usage": usage}).to_string();
        exchange.response_body(body.as_bytes(), true, self.now.monotonic);
        self.settle(exchange, Ending::default());
    }

    /// The upstream begins to stream.
    pub(crate) fn begin_stream(&mut self, exchange: &mut Exchange) {
        exchange.response_headers(ResponseHead {
            status: 200,
            content_type: Some(b"text/event-stream"),
            content_encoding: None,
            content_length: None,
            dropped_reason: None,
            end_of_stream: false,
            now: self.now.monotonic,
        });
    }

    /// A piece of a stream; what passes of it.
    pub(crate) fn pass_on(&mut self, exchange: &mut Exchange, piece: &str) -> String {
        let passed = exchange.response_body(piece.as_bytes(), false, self.now.monotonic);
        let passed = passed.unwrap_or_else(|| piece.into());
        if let Some((amounts, reservations)) = exchange.top_up(|| self.now.monotonic) {
            let policy = exchange.policy();
            let model = exchange.held().unwrap().0.unwrap();
            let accounts = policy.accounts(exchange.key_id(), policy.model(model));
            let terms: Vec<Terms<'_>> = accounts.iter().map(|account| account.terms).collect();
            let mut extending = Extending::new(&terms, reservations, amounts, self.now);
            run(&mut extending, &mut self.store.of(&accounts));
            self.top_ups += 1;
            exchange.topped_up(extending.finish(), self.now);
        }
        let passed = exchange.cut(&passed).unwrap_or(passed);
        String::from_utf8(passed).unwrap()
    }

    /// What a key is told of its first limit.
    pub(crate) fn usage(&mut self) -> Value {
        let policy = Rc::clone(&self.policy);
        let mut exchange = Exchange::new(policy, Concerns::GATEWAY);
        let headers: Vec<(String, Vec<u8>)> = vec![
            (":method".into(), b"GET".to_vec()),
            (":path".into(), b"/v1/usage".to_vec()),
            ("authorization".into(), b"Bearer sk-key".to_vec()),
        ];
        let head = RequestHead {
            headers: Headers(&headers),
            earlier: Earlier::default(),
            end_of_stream: true,
            now: self.now,
        };
        let step = exchange.request_headers(head, &|| None);
        assert!(matches!(step, Step::ReadAccounts), "{step:?}");
        let accounts = exchange.usage_accounts();
        let mut records = self.store.of(&accounts);
        let found = (0..accounts.len()).map(|account| records.read(account));
        let found = found.collect();
        let reply = exchange.usage(found, self.now);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        body["accounts"][0]["limits"][0].clone()
    }

    /// The exchange is over.
    pub(crate) fn settle(&mut self, exchange: &mut Exchange, ending: Ending) {
        exchange.close(ending, self.now.monotonic, &self.learning);
        let Some((model, reservations)) = exchange.held() else {
            return;
        };
        let policy = exchange.policy();
        let model = model.and_then(|model| policy.model(model));
        let accounts = policy.accounts(exchange.key_id(), model);
        let terms: Vec<Terms<'_>> = accounts.iter().map(|account| account.terms).collect();
        let used = exchange
            .settlement(ending, self.now.monotonic)
            .bill
            .unwrap()
            .used;
        let mut settling = Settling::new(&terms, reservations, used, self.now);
        run(&mut settling, &mut self.store.of(&accounts));
    }
}

/// Its status, `error.code` and message.
pub(crate) fn refusal(reply: &Reply) -> (u16, String, String) {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
    (reply.status, text("code"), text("message"))
}
