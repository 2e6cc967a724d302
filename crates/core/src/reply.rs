//! Answers that the module makes itself, in the shape that the client's SDK expects.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::api::{Api, Dialect};
use crate::refusal::Refusal;

/// What stands for a request's id where the proxy gave it none: as in its own answers.
pub const NO_REQUEST_ID: &str = "-";

/// A complete local answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Without content-length, which the proxy adds.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// JSON.
    pub body: Vec<u8>,
}

impl Reply {
    /// A 200 with this JSON.
    pub fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    /// The error object of the client's dialect; its message ends with the request id.
    pub fn refusal(refusal: &Refusal, dialect: Dialect, request_id: &str) -> Self {
        let body = body(refusal, dialect, request_id);
        let mut reply = Self::json(refusal.status(), &body);
        reply.add_headers(refusal);
        reply
    }

    /// The same as an event, with which a stream to this API ends: the SDKs raise it.
    pub(crate) fn event(
        refusal: &Refusal,
        api: Api,
        dialect: Dialect,
        request_id: &str,
    ) -> Vec<u8> {
        let mut body = body(refusal, dialect, request_id);
        if let (Api::Responses, Some(object)) = (api, body.as_object_mut()) {
            object.insert("type".to_owned(), "error".into());
        }
        let is_named = matches!(api, Api::Messages | Api::Responses);
        let name = if is_named { "event: error\n" } else { "" };
        format!("{name}data: {body}\n\n").into_bytes()
    }

    /// With these headers too, in place of those of the same name.
    #[must_use]
    pub(crate) fn with(mut self, headers: Vec<(&'static str, String)>) -> Self {
        for (name, value) in headers {
            self.headers.retain(|(known, _)| *known != name);
            self.headers.push((name, value.into()));
        }
        self
    }

    fn add_headers(&mut self, refusal: &Refusal) {
        let mut add = |name, value: Cow<'static, str>| self.headers.push((name, value));
        match refusal {
            Refusal::Unauthenticated(_) => add("www-authenticate", "Bearer".into()),
            Refusal::MethodNotAllowed { allowed, .. } => add("allow", (*allowed).into()),
            _ => {}
        }
        if let Some(seconds) = refusal.retry_after() {
            add("retry-after", seconds.to_string().into());
        }
        if refusal.forbids_retries() {
            add("x-should-retry", "false".into());
        }
    }

    fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }
}

/// The error object; its message ends with the request id.
fn body(refusal: &Refusal, dialect: Dialect, request_id: &str) -> Value {
    let message = format!("{refusal} (request id: {request_id})");
    let mut error = Map::new();
    let mut note = |name: &str, value: Value| error.insert(name.to_owned(), value);
    note("message", message.into());
    note("type", dialect.error_type(refusal.status()).into());
    if dialect == Dialect::OpenAi {
        note("param", refusal.param().into());
        note("code", refusal.code().into());
    }
    if let Refusal::LimitReached(limit) = refusal {
        note("code", refusal.code().into());
        note("limit", limit.facts());
    }
    match dialect {
        Dialect::OpenAi => json!({"error": error}),
        Dialect::Anthropic => json!({
            "type": "error",
            "error": error,
            "request_id": request_id,
        }),
    }
}

impl Dialect {
    /// The `type` of an error with this status, as OpenAI's and Anthropic's API references give it.
    pub fn error_type(self, status: u16) -> &'static str {
        match (self, status) {
            (_, 403) => "permission_error",
            (_, 429) => "rate_limit_error",
            (Self::OpenAi, 500..) => "server_error",
            (Self::Anthropic, 401) => "authentication_error",
            (Self::Anthropic, 404) => "not_found_error",
            (Self::Anthropic, 413) => "request_too_large",
            (Self::Anthropic, 503) => "overloaded_error",
            (Self::Anthropic, 504) => "timeout_error",
            (Self::Anthropic, 500..) => "api_error",
            _ => "invalid_request_error",
        }
    }
}
