//! A policy and requests to try against it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_core::concerns::Concerns;
use tollgate_core::exchange::{Admission, Earlier, Exchange, Forward, RequestHead, Step};
use tollgate_core::headers::Headers;
use tollgate_core::limits::learning::Learning;
use tollgate_core::limits::taken::Taken;
use tollgate_core::limits::time::Now;
use tollgate_core::policy::Policy;
use tollgate_core::reply::Reply;
use tollgate_core::secret;

/// Every exchange in these tests begins at this second.
pub(crate) const NOW: u64 = 1_800_000_000;
const CLOCKS: Now = Now {
    wall: NOW * 1_000_000_000,
    monotonic: 1,
};

/// Two organizations; each key's secret is `sk-<name>`.
pub(crate) fn document() -> Value {
    let mut keys = vec![
        json!({"name": "plain", "team": "acme/payments"}),
        json!({"name": "narrow", "team": "acme/payments", "models": ["small"]}),
        json!({"name": "expired", "team": "acme/payments", "expires": NOW}),
        json!({"name": "expiring", "team": "acme/payments", "expires": NOW + 1}),
        json!({"name": "disabled", "team": "acme/payments", "disabled": true}),
        json!({"name": "inside", "team": "acme/payments", "cidrs": ["10.0.0.0/8", "2001:db8::/32"]}),
        json!({"name": "foreign", "team": "globex/research"}),
    ];
    for key in &mut keys {
        let secret = format!("sk-{}", key["name"].as_str().unwrap());
        key["hash"] = json!(URL_SAFE_NO_PAD.encode(secret::hash(secret.as_bytes())));
    }
    keys.sort_by_key(|key| {
        URL_SAFE_NO_PAD
            .decode(key["hash"].as_str().unwrap())
            .unwrap()
    });
    json!({
        "format": 2, "version": "0123456789abcdef",
        "models": [
            {"name": "coder", "targets": [target("stable", "coder-7b", 1)],
             "fim": {"prefix": "<P>", "suffix": "<S>", "middle": "<M>"}},
            {"name": "free", "allow": ["hosted_tools", "stored_state"],
             "targets": [target("stable", "free", 1)]},
            {"name": "small", "aliases": ["gpt-4o-mini", "org/small"],
             "sticky": [{"header": "x-session"}, {"field": "prompt_cache_key"}],
             "objective": "interactive", "context": 2048, "created": 1,
             "targets": [target("canary", "small-next", 10), target("stable", "small-v1", 90)]},
        ],
        "organizations": [{"name": "acme"}, {"name": "globex"}],
        "teams": [
            {"name": "payments", "organization": "acme"},
            {"name": "research", "organization": "globex", "models": ["coder"]},
        ],
        "keys": keys,
    })
}

fn target(name: &str, model: &str, weight: u32) -> Value {
    json!({"name": name, "model": model, "weight": weight, "upstreams": ["default"]})
}

pub(crate) fn policy() -> Rc<Policy> {
    Rc::new(Policy::load(document().to_string().as_bytes()).unwrap())
}

/// A `POST` with the key `plain` unless `headers` bring a credential.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
    pub(crate) body: &'a [u8],
    pub(crate) source: Option<&'a str>,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            method: "POST",
            path: "/v1/chat/completions",
            headers: &[("authorization", b"Bearer sk-plain")],
            body: b"",
            source: None,
        }
    }
}

impl Request<'_> {
    /// Through the phases of the request, as the gateway module takes them.
    pub(crate) fn send(&self) -> (Exchange, Result<Forward, Reply>) {
        let mut headers: Vec<(String, Vec<u8>)> = vec![
            (":method".into(), self.method.into()),
            (":path".into(), self.path.into()),
            ("x-request-id".into(), b"id-1".to_vec()),
        ];
        headers.extend(
            self.headers
                .iter()
                .map(|(n, v)| ((*n).to_owned(), v.to_vec())),
        );
        let headers = Headers(&headers);
        let mut exchange = Exchange::new(policy(), Concerns::GATEWAY);
        let head = RequestHead {
            headers,
            earlier: Earlier::default(),
            end_of_stream: self.body.is_empty(),
            now: CLOCKS,
        };
        let source = || self.source.map(|source| source.parse().unwrap());
        let step = exchange.request_headers(head, &source);
        let result = match step {
            Step::AwaitBody { remove } => {
                let result = admit(&mut exchange, self.body);
                result.map(|forward| Forward { remove, ..forward })
            }
            Step::Forward(forward) => Ok(forward),
            Step::Reply(reply) => Err(reply),
            Step::ReadAccounts => panic!("no account has limits"),
        };
        (exchange, result)
    }
}

/// Through the phases of the body, of a request whose accounts have no limits.
fn admit(exchange: &mut Exchange, body: &[u8]) -> Result<Forward, Reply> {
    let now = CLOCKS;
    let learning = Learning::default();
    let plan = exchange.request_body(body, now, &learning)?;
    match exchange.admit(plan, Taken::default(), now, &learning)? {
        Admission::Forward(forward) => Ok(forward),
        Admission::Again(_) => panic!("no budget names a cheaper model"),
    }
}

/// Sends `body` to `path`; what goes upstream, or the refusal's code.
pub(crate) fn post(path: &str, body: &str) -> Result<Value, String> {
    let request = Request {
        path,
        body: body.as_bytes(),
        ..Request::default()
    };
    match request.send().1 {
        Ok(forward) => {
            let forwarded = forward.body.unwrap_or_else(|| body.to_owned());
            Ok(serde_json::from_str(&forwarded).expect("what is forwarded is JSON"))
        }
        Err(reply) => Err(code(&reply)),
    }
}

/// `error.code` of an OpenAI error, `error.type` of an Anthropic one.
pub(crate) fn code(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let error = &body["error"];
    error["code"]
        .as_str()
        .or(error["type"].as_str())
        .unwrap()
        .to_owned()
}
