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
                    "type": openai_type(status),
                    "param": refusal.param(),
                    "code": refusal.code(),
                }}),
            ),
            Dialect::Anthropic => Self::json(
                status,
                &json!({
                    "type": "error",
                    "error": {"type": anthropic_type(status), "message": message},
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

/// `type` of OpenAI's error object, as its API documents it per status.
fn openai_type(status: u16) -> &'static str {
    match status {
        429 => "rate_limit_error",
        403 => "permission_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// `error.type` of Anthropic's errors, as its API documents it per status.
fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}
