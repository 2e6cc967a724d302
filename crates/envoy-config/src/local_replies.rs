//! Bodies for the errors that Envoy makes itself, in the shapes of the APIs it fronts.
//!
//! Envoy runs these mappers over every reply it makes locally, the module's refusals among them.
//! What tells them apart is `response.code_details`: Envoy names the reason of each of its own
//! replies there, and it is empty for a reply of a Wasm filter. An upstream's answer never comes
//! here, whatever its status.

use serde_json::{Value, json};

use crate::options::Options;

/// An error of Envoy's own.
struct Reply {
    /// CEL over `response.code` and `response.code_details`; the first that holds counts.
    when: &'static str,
    /// The status a client gets, where Envoy's own would mislead it.
    status: Option<u16>,
    /// `error.type` in OpenAI's shape.
    openai: &'static str,
    /// `error.type` in Anthropic's shape.
    anthropic: &'static str,
    /// `error.code` in OpenAI's shape.
    code: &'static str,
    /// What happened, as a fact.
    message: String,
}

/// For the connection manager's `local_reply_config`.
pub(crate) fn local_reply_config(options: &Options) -> Value {
    let mut mappers = vec![json!({ "filter": cel("response.code_details == ''") })];
    for reply in replies(options) {
        mappers.push(mapper(&reply, ANTHROPIC_PATH, anthropic_body(&reply)));
        mappers.push(mapper(&reply, "true", openai_body(&reply)));
    }
    json!({ "mappers": mappers })
}

const ANTHROPIC_PATH: &str =
    "(request.url_path == '/v1/messages' || request.url_path.startsWith('/v1/messages/'))";

fn replies(options: &Options) -> Vec<Reply> {
    let server = |when, code, message: &str| Reply {
        when,
        status: None,
        openai: "server_error",
        anthropic: "api_error",
        code,
        message: message.to_owned(),
    };
    let client = |when, code, message: &str| Reply {
        when,
        status: None,
        openai: "invalid_request_error",
        anthropic: "invalid_request_error",
        code,
        message: message.to_owned(),
    };
    vec![
        server("response.code >= 500", "server_error", "The gateway could not serve this request"),
        client("true", "bad_request", "The request was refused"),
    ]
}

fn mapper(reply: &Reply, path: &str, body: Value) -> Value {
    let mut mapper = json!({
        "filter": cel(&format!("{} && {path}", reply.when)),
        "body_format_override": { "json_format": body },
    });
    if let Some(status) = reply.status {
        mapper["status_code"] = json!(status);
    }
    mapper
}

fn openai_body(reply: &Reply) -> Value {
    json!({
        "error": {
            "message": message(reply),
            "type": reply.openai,
            "param": null,
            "code": reply.code,
        },
        "det": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "st": "%RESPONSE_CODE%",
    })
}

fn anthropic_body(reply: &Reply) -> Value {
    json!({
        "type": "error",
        "error": { "type": reply.anthropic, "message": message(reply) },
        "request_id": REQUEST_ID,
    })
}

const REQUEST_ID: &str = "%REQ(X-REQUEST-ID)%";

fn message(reply: &Reply) -> String {
    format!("{} (request id: {REQUEST_ID})", reply.message)
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
