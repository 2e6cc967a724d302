//! The access log: one JSON object a line, schema `tollgate.access.v1`.
//!
//! What a client chose is bounded here or by the module, and escaped by Envoy. Paths go without
//! their query, which may hold a secret.

use crate::options::Options;
use serde_json::{Value, json};

/// What Envoy knows of a request.
const OF_ENVOY: [(&str, &str); 15] = [
    ("schema", "tollgate.access.v1"),
    ("time", "%START_TIME%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("method", "%REQ(:METHOD):16%"),
    ("path", "%PATH(NQ:PATH):256%"),
    ("protocol", "%PROTOCOL%"),
    ("status", "%RESPONSE_CODE%"),
    ("flags", "%RESPONSE_FLAGS%"),
    ("details", "%RESPONSE_CODE_DETAILS%"),
    ("duration_ms", "%DURATION%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("source", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
    ("upstream", "%UPSTREAM_HOST%"),
    ("attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
];

/// What the module knows, as text.
const TEXTS: [&str; 28] = [
    "api",
    "organization",
    "team",
    "key",
    "key_hash",
    "model_requested",
    "model",
    "model_served",
    "target",
    "outcome",
    "reason",
    "usage",
    "policy",
    "record_id",
    "charged",
    "charged_for",
    "cost_usd",
    "reserved_usd",
    "price_version",
    "fallback_from",
    "passed_over",
    "limit_rule",
    "limit_source",
    "limit_unit",
    "limit_amount",
    "limit_requested",
    "limit_left",
    "limit_held",
];

/// What the module knows, as numbers.
const NUMBERS: [&str; 9] = [
    "tokens_prompt",
    "tokens_completion",
    "tokens_cached",
    "tokens_cache_write",
    "tokens_reasoning",
    "tokens_audio_prompt",
    "tokens_audio_completion",
    "content_deltas",
    "ttft_ms",
];

/// For the connection manager's `access_log`.
pub(crate) fn access_log(options: &Options) -> Value {
    let log_format = json!({ "json_format": format(), "formatters": [cel_formatter()] });
    match &options.access_log {
        Some(path) => json!({
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": path,
                "log_format": log_format,
            },
        }),
        None => json!({
            "name": "envoy.access_loggers.stdout",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
                "log_format": log_format,
            },
        }),
    }
}

fn format() -> Value {
    let of_envoy = OF_ENVOY.map(|(field, value)| (field, value.to_owned()));
    let texts = TEXTS.map(|field| (field, text(field)));
    let numbers = NUMBERS.map(|field| (field, typed(field, |text| format!("int({text})"))));
    let stream = (
        "stream",
        typed("stream", |text| format!("{text} == 'true'")),
    );
    let fields = of_envoy
        .into_iter()
        .chain(texts)
        .chain(numbers)
        .chain([stream]);
    Value::Object(
        fields
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect(),
    )
}

/// A field that the module wrote with `set_property`, as it wrote it. `null` if it did not.
pub(crate) fn text(field: &str) -> String {
    format!("%FILTER_STATE(wasm.tollgate.{field}:PLAIN)%")
}

/// The same, turned into a JSON value by a CEL expression over its text.
fn typed(field: &str, expression: impl Fn(String) -> String) -> String {
    let text = format!("string(filter_state['wasm.tollgate.{field}'])");
    format!("%TYPED_CEL({})%", expression(text))
}

/// CEL's conversions are off by default since they can be asked to convert something large; what
/// the module writes is short.
fn cel_formatter() -> Value {
    json!({
        "name": "envoy.formatter.cel",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.formatter.cel.v3.Cel",
            "cel_config": { "enable_string_conversion": true },
        },
    })
}
