//! One HTTP stream: which callback belongs to which phase of the exchange.

mod answer;
mod callbacks;
mod settle;

use std::rc::Rc;

use proxy_wasm::traits::HttpContext;
use proxy_wasm::types::Action;
use tollgate_core::api::Dialect;
use tollgate_core::concerns::Concerns;
use tollgate_core::exchange::{Admission, Earlier, Exchange, Forward, RequestHead, Step};
use tollgate_core::headers::Headers;
use tollgate_core::limits::time::Now;
use tollgate_core::policy::Policy;
use tollgate_core::refusal::Refusal;
use tollgate_core::reply::{NO_REQUEST_ID, Reply};
use tollgate_core::secret::Hash;

use crate::accounts;
use crate::uploads::UploadGuard;
use crate::{host, record, vm};

/// Properties by which the modules of a chain tell each other what they found.
const AUTHENTICATED: &str = "tollgate.authenticated";
const MODEL: &str = "tollgate.model";

pub(crate) struct Stream {
    /// Absent only if the host made a stream before it configured the module.
    exchange: Option<Exchange>,
    concerns: Concerns,
    phase: Phase,
    /// The body that went on: the proxy keeps it as long as the stream, to be able to retry.
    upload: Option<UploadGuard>,
    /// Whether the log knows who asked for what.
    request_published: bool,
    /// Whether the record is published.
    published: bool,
    /// An answer that may not pass yet.
    held: Option<answer::Held>,
}

enum Phase {
    /// Before the request's headers.
    New,
    /// Headers are held until the body is whole.
    AwaitBody {
        upload: UploadGuard,
        received: usize,
    },
    /// The request went on.
    Forwarded,
    /// We answered; the host shows us our own answer as if it were the upstream's.
    Replied,
}

impl Stream {
    pub(crate) fn new(policy: Option<Rc<Policy>>, concerns: Concerns) -> Self {
        let exchange = policy.map(|policy| Exchange::new(policy, concerns));
        Self {
            exchange,
            concerns,
            phase: Phase::New,
            upload: None,
            request_published: false,
            published: false,
            held: None,
        }
    }

    fn begin(&mut self, end_of_stream: bool) -> Action {
        let headers = self.get_http_request_headers_bytes();
        let Some(exchange) = &mut self.exchange else {
            return self.unconfigured();
        };
        let model = (!self.concerns.route)
            .then(|| host::property(&[MODEL]))
            .flatten();
        let model = model.and_then(|model| String::from_utf8(model).ok());
        let key = (!self.concerns.authenticate)
            .then(|| host::property(&[AUTHENTICATED]))
            .flatten();
        let key = key.and_then(|key| Hash::try_from(key).ok());
        let head = RequestHead {
            headers: Headers(&headers),
            earlier: Earlier {
                key,
                model: model.as_deref(),
            },
            end_of_stream,
            now: host::clocks(),
        };
        match exchange.request_headers(head, &host::source_address) {
            Step::Reply(reply) => self.reply(reply),
            Step::Forward(forward) => self.forward(forward, 0),
            Step::AwaitBody { remove } => self.await_body(Headers(&headers), &remove),
            Step::ReadAccounts => {
                let found = accounts::read_all(&exchange.usage_accounts());
                let reply = exchange.usage(found, host::clocks());
                self.reply(reply)
            }
        }
    }

    fn await_body(&mut self, headers: Headers<'_>, remove: &[String]) -> Action {
        let Some(exchange) = &mut self.exchange else {
            return self.unconfigured();
        };
        let refused = vm::with_refusals(|refusals| exchange.refuse_early(refusals, host::clocks));
        if let Some(reply) = refused {
            return self.reply(reply);
        }
        let length = headers
            .text("content-length")
            .and_then(|text| text.parse().ok());
        match UploadGuard::admit(exchange.key(), length) {
            Ok(upload) => {
                self.remove_headers(remove);
                self.phase = Phase::AwaitBody {
                    upload,
                    received: 0,
                };
                Action::Pause
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn receive(&mut self, size: usize, is_last: bool) -> Action {
        let Phase::AwaitBody {
            upload, received, ..
        } = &mut self.phase
        else {
            return self.action();
        };
        *received = size;
        if let Err(refusal) = upload.grow(u64::try_from(size).unwrap_or(u64::MAX)) {
            self.drop_body(size);
            return self.refuse(&refusal);
        }
        if is_last {
            return self.decide();
        }
        if upload.is_sparse() {
            let body = host::request_body(size);
            if body.len() == size {
                upload.packed();
                self.set_http_request_body(0, size, &body);
            }
        }
        Action::Pause
    }

    fn decide(&mut self) -> Action {
        let phase = std::mem::replace(&mut self.phase, Phase::Replied);
        let Phase::AwaitBody { upload, received } = phase else {
            return self.refuse(&Refusal::Internal("a body that nothing waits for"));
        };
        let Some(exchange) = &mut self.exchange else {
            return self.unconfigured();
        };
        self.upload = Some(upload);
        let body = host::request_body(received);
        match admit(exchange, &body) {
            Ok(forward) => self.forward(forward, received),
            Err(reply) => {
                self.drop_body(received);
                self.reply(reply)
            }
        }
    }

    /// Envoy would keep what it holds until the client has taken the answer, which a client can put
    /// off, while its share is given back at once.
    fn drop_body(&self, received: usize) {
        if received > 0 {
            self.set_http_request_body(0, received, &[]);
        }
    }

    /// Applies the changes and lets the request go. A changed body goes with its exact length:
    /// Envoy corrects nothing, and a wrong one would hang the upstream or smuggle a request.
    fn forward(&mut self, forward: Forward, received: usize) -> Action {
        self.remove_headers(&forward.remove);
        for (name, value) in &forward.set {
            self.set_http_request_header(name, Some(value));
        }
        let length = forward.body.as_ref().map_or(received, String::len);
        if let Some(upload) = &mut self.upload {
            upload.complete(u64::try_from(length).unwrap_or(u64::MAX));
        }
        if let Some(body) = &forward.body {
            self.set_http_request_header("content-length", Some(&body.len().to_string()));
            self.set_http_request_body(0, received, body.as_bytes());
        }
        self.publish_reservation();
        self.tell_later_modules();
        self.phase = Phase::Forwarded;
        Action::Continue
    }

    fn remove_headers(&self, names: &[String]) {
        for name in names {
            self.set_http_request_header(name, None);
        }
    }

    fn clean_trailers(&mut self) {
        let trailers = self.get_http_request_trailers_bytes();
        let Some(exchange) = &self.exchange else {
            return;
        };
        for name in exchange.request_trailers(Headers(&trailers)) {
            self.set_http_request_trailer(&name, None);
        }
    }

    /// In a chain, the modules behind this one and the log learn what it found.
    fn tell_later_modules(&self) {
        if self.concerns == Concerns::GATEWAY {
            return;
        }
        if let Some(settlement) = self.so_far() {
            record::publish_request(&settlement);
        }
        let key = self.exchange.as_ref().and_then(Exchange::key);
        if let Some(key) = key.filter(|_| self.concerns.authenticate) {
            host::publish(AUTHENTICATED, &key);
        }
    }

    fn refuse(&mut self, refusal: &Refusal) -> Action {
        match self
            .exchange
            .as_mut()
            .map(|exchange| exchange.refuse(refusal))
        {
            Some(reply) => self.reply(reply),
            None => self.unconfigured(),
        }
    }

    fn reply(&mut self, reply: Reply) -> Action {
        let headers = reply.headers.iter();
        let headers = headers.map(|(name, value)| (*name, &**value)).collect();
        self.send_http_response(reply.status.into(), headers, Some(&reply.body));
        self.phase = Phase::Replied;
        self.upload = None;
        self.publish();
        Action::Pause
    }

    /// There is no policy to decide by: nothing may pass.
    fn unconfigured(&mut self) -> Action {
        self.reply(Reply::refusal(
            &Refusal::NotReady,
            Dialect::default(),
            NO_REQUEST_ID,
        ))
    }

    /// Nothing undecided is ever continued.
    fn action(&self) -> Action {
        match self.phase {
            Phase::Forwarded => Action::Continue,
            Phase::New | Phase::AwaitBody { .. } | Phase::Replied => Action::Pause,
        }
    }

    fn metered_exchange(&mut self) -> Option<&mut Exchange> {
        match self.phase {
            Phase::Replied => None,
            _ => self.exchange.as_mut(),
        }
    }
}

/// Decides by the body, and by what the accounts have room for.
fn admit(exchange: &mut Exchange, body: &[u8]) -> Result<Forward, Reply> {
    let now = host::clocks();
    let admitted = ask_accounts(exchange, body, now);
    if admitted.is_err() {
        vm::with_refusals(|refusals| exchange.remember_refusal(refusals, now));
    }
    admitted
}

/// Twice at most: a plan for a cheaper model has none that is cheaper still.
fn ask_accounts(exchange: &mut Exchange, body: &[u8], now: Now) -> Result<Forward, Reply> {
    let mut plan = vm::with_learning(|learning| exchange.request_body(body, now, learning))?;
    loop {
        let taken = vm::take(&plan, now).map_err(|refusal| exchange.refuse(&refusal))?;
        let admission = vm::with_learning(|learning| exchange.admit(plan, taken, now, learning))?;
        match admission {
            Admission::Forward(forward) => return Ok(forward),
            Admission::Again(cheaper) => plan = *cheaper,
        }
    }
}
