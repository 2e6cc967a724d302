//! Answers that the module makes itself, in the shape that the client's SDK expects.

use serde_json::{Value, json};

use crate::api::Dialect;
use crate::refusal::Refusal;

/// A complete local answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Without content-length, which the proxy adds.
    pub headers: Vec<(&'static str, &'static str)>,
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
        let status = refusal.status();
        let message = format!("{refusal} (request id: {request_id})");
        let mut reply = match dialect {
            Dialect::OpenAi => Self::json(
                status,
                &json!({"error": {
                    "message": message,
                    "type": dialect.error_type(status),
                    "param": refusal.param(),
                    "code": refusal.code(),
                }}),
            ),
            Dialect::Anthropic => Self::json(
                status,
                &json!({
                    "type": "error",
                    "error": {"type": dialect.error_type(status), "message": message},
                    "request_id": request_id,
                }),
            ),
        };
        match refusal {
            Refusal::Unauthenticated(_) => reply.headers.push(("www-authenticate", "Bearer")),
            Refusal::MethodNotAllowed { allowed, .. } => reply.headers.push(("allow", allowed)),
            Refusal::TooManyUploads { .. } | Refusal::UploadMemoryFull => {
                reply.headers.push(("retry-after", "1"));
            }
            _ => {}
        }
        reply
    }

    fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json")],
            body: body.to_string().into_bytes(),
        }
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
