//! Bodies for the errors that Envoy makes itself, in the shapes of the APIs it fronts.
//!
//! Envoy runs these mappers over every reply it makes locally, the module's refusals among them;
//! the first whose filter holds counts. What tells the module's apart is `response.code_details`:
//! Envoy names the reason of each of its own replies there, and it is empty for a reply of a Wasm
//! filter. An upstream's answer never comes here, whatever its status.

use crate::options::Options;
use serde_json::{Value, json};
use tollgate_core::api::Dialect;

/// Of a request's headers together, in KiB.
pub(crate) const MAX_HEADERS_KIB: u32 = 60;
/// Of a request's header lines.
pub(crate) const MAX_HEADERS: u32 = 100;

/// For the connection manager's `local_reply_config`.
pub(crate) fn local_reply_config(options: &Options) -> Value {
    let not_ready = Reply::new(503, "gateway_not_ready", "the gateway has no policy loaded");
    // Envoy gives no details for this one, but a flag: "no filter configuration found".
    let mut mappers = Vec::from(not_ready.restated().mappers(&flag("NFCF")));
    // Changes nothing: the module's own replies go out as they are.
    mappers.push(json!({ "filter": cel("response.code_details == ''") }));
    for (when, reply) in replies(options) {
        mappers.extend(reply.mappers(&cel(when)));
    }
    json!({ "mappers": mappers })
}

/// The errors by what holds of each (CEL), the more special first. A new one of Envoy's, or one
/// of another filter, falls into the last ones.
fn replies(options: &Options) -> Vec<(&'static str, Reply)> {
    let mut replies = gateway_replies(options);
    replies.extend(upstream_replies());
    replies.extend(other_replies());
    replies
}

/// The request did not get as far as an upstream.
fn gateway_replies(options: &Options) -> Vec<(&'static str, Reply)> {
    let too_large = format!("the request's body exceeds {} bytes", options.limits.body);
    let headers =
        format!("the request's headers exceed {MAX_HEADERS_KIB} KiB or {MAX_HEADERS} lines");
    let http_version = "HTTP/1.0 is not supported: use HTTP/1.1 or HTTP/2";
    let upgrade = "upgraded connections (WebSocket) are not supported by this gateway";
    let misdirected = "this connection is for another host name: open one for this host";
    let failed = "the gateway failed while it handled this request";
    let overloaded = "the gateway is overloaded: retry shortly";
    vec![
        (
            "response.code_details.startsWith('wasm_fail')",
            Reply::new(503, "gateway_failed", failed),
        ),
        (
            "response.code_details.startsWith('overload')",
            Reply::new(503, "gateway_overloaded", overloaded),
        ),
        (
            "response.code_details == 'upgrade_failed'",
            Reply::new(404, "unsupported_endpoint", upgrade).restated(),
        ),
        (
            "response.code == 408",
            Reply::new(408, "request_timeout", "the request did not arrive in time"),
        ),
        (
            "response.code == 413",
            Reply::new(413, "request_too_large", &too_large),
        ),
        (
            "response.code == 421",
            Reply::new(421, "misdirected_request", misdirected),
        ),
        (
            "response.code == 431",
            Reply::new(431, "request_headers_too_large", &headers),
        ),
        (
            "response.code == 426",
            Reply::new(426, "http_version_not_supported", http_version),
        ),
        (
            "response.code == 400",
            Reply::new(400, "invalid_http_request", "the request is not valid HTTP"),
        ),
    ]
}

/// An upstream did not answer, or could not be asked.
fn upstream_replies() -> Vec<(&'static str, Reply)> {
    let no_credential = "the gateway has no credential for the upstream that serves this model";
    let overloaded =
        "too many requests wait for the upstream that serves this model: retry shortly";
    let disconnected =
        "the upstream that serves this model closed its connection before it answered";
    let unavailable = "the upstream that serves this model can't be reached";
    let invalid = "the upstream that serves this model did not answer in HTTP";
    let timeout = "the upstream that serves this model did not answer in time";
    vec![
        (
            // Envoy's own 401 would tell the client that its key is wrong.
            "response.code_details == 'failed_to_inject_credential'",
            Reply::new(503, "upstream_credential_missing", no_credential).restated(),
        ),
        (
            "response.code == 503 && response.code_details.contains('overflow')",
            Reply::new(503, "upstream_overloaded", overloaded),
        ),
        (
            "response.code == 503 && response.code_details.contains('connection_termination')",
            Reply::new(503, "upstream_disconnected", disconnected),
        ),
        (
            "response.code == 503",
            Reply::new(503, "upstream_unavailable", unavailable),
        ),
        (
            "response.code == 502",
            Reply::new(502, "upstream_invalid_response", invalid),
        ),
        (
            "response.code == 504",
            Reply::new(504, "upstream_timeout", timeout),
        ),
    ]
}

/// Of filters that an operator added, or not foreseen.
fn other_replies() -> Vec<(&'static str, Reply)> {
    let refused = "the request was refused";
    vec![
        (
            "response.code == 401",
            Reply::new(401, "invalid_api_key", refused),
        ),
        (
            "response.code == 403",
            Reply::new(403, "forbidden", refused),
        ),
        (
            "response.code == 404",
            Reply::new(404, "unsupported_endpoint", refused),
        ),
        (
            "response.code == 429",
            Reply::new(429, "rate_limit_exceeded", refused),
        ),
        (
            "response.code >= 500",
            Reply::new(500, "gateway_error", "the gateway failed"),
        ),
        (
            "response.code >= 400",
            Reply::new(400, "request_refused", refused),
        ),
    ]
}

/// An error of Envoy's own.
struct Reply {
    /// Its status, which decides the error's `type`.
    status: u16,
    /// Whether the client gets that status in place of Envoy's.
    restated: bool,
    /// `error.code` in OpenAI's shape.
    code: &'static str,
    /// What happened, as a fact.
    message: String,
}

impl Reply {
    fn new(status: u16, code: &'static str, message: &str) -> Self {
        let message = format!("{message} (request id: {REQUEST_ID})");
        Self {
            status,
            restated: false,
            code,
            message,
        }
    }

    /// The client gets this reply's status, whatever Envoy's is.
    fn restated(self) -> Self {
        Self {
            restated: true,
            ..self
        }
    }

    /// One for each shape, the more special path first.
    fn mappers(&self, filter: &Value) -> [Value; 2] {
        let on_messages = json!({ "and_filter": { "filters": [filter, cel(MESSAGES_PATH)] } });
        [
            self.mapper(&on_messages, self.anthropic()),
            self.mapper(filter, self.openai()),
        ]
    }

    fn mapper(&self, filter: &Value, body: Value) -> Value {
        let mut mapper = json!({
            "filter": filter,
            "body_format_override": { "json_format": body },
        });
        if self.restated {
            mapper["status_code"] = json!(self.status);
        }
        mapper
    }

    fn openai(&self) -> Value {
        json!({
            "error": {
                "message": self.message,
                "type": Dialect::OpenAi.error_type(self.status),
                "param": null,
                "code": self.code,
            },
        })
    }

    fn anthropic(&self) -> Value {
        json!({
            "type": "error",
            "error": {
                "type": Dialect::Anthropic.error_type(self.status),
                "message": self.message,
            },
            "request_id": REQUEST_ID,
        })
    }
}

/// Absent where the request ended before its headers were whole.
const REQUEST_ID: &str = "%REQ(X-REQUEST-ID)%";

/// Paths whose clients expect Anthropic's shape. False, too, where Envoy never saw a path.
const MESSAGES_PATH: &str =
    "request.url_path == '/v1/messages' || request.url_path.startsWith('/v1/messages/')";

fn flag(name: &str) -> Value {
    json!({ "response_flag_filter": { "flags": [name] } })
}

fn cel(expression: &str) -> Value {
    json!({
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": expression,
            },
        },
    })
}
