//! The access log: one JSON object a line, `tollgate.access.v1`.

use serde_json::{Map, Value, json};

use crate::options::Options;

/// What the module knows of a request, as filter state `wasm.tollgate.<field>`.
const FIELDS: [&str; 23] = [
    "api", "organization", "team", "key", "key_hash", "model_requested", "model", "model_served",
    "target", "outcome", "reason", "stream", "usage", "tokens_prompt", "tokens_completion",
    "tokens_cached", "tokens_cache_write", "tokens_reasoning", "tokens_audio_prompt",
    "tokens_audio_completion", "content_deltas", "ttft_ms", "policy",
];

pub(crate) fn access_log(options: &Options) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": options.access_log,
            "log_format": { "json_format": format() },
        },
    })
}

fn format() -> Value {
    let mut format = Map::new();
    for field in FIELDS {
        format.insert(field.into(), json!(format!("%FILTER_STATE(wasm.tollgate.{field}:PLAIN)%")));
    }
    let own = [
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
    ];
    for (field, value) in own {
        format.insert(field.into(), json!(value));
    }
    Value::Object(format)
}
