//! OpenTelemetry: a span and a log record per request, with the names of the GenAI semantic
//! conventions. Envoy writes every attribute as a string, numbers too.

use crate::access_log::text;
use crate::address::{Address, socket_address};
use crate::options::{Options, seconds};
use serde_json::{Value, json};

/// The cluster of the collector. No target's cluster can have this name: theirs begin with a
/// letter or digit.
const CLUSTER: &str = "_otlp";
const SERVICE: &str = "tollgate";

/// For the connection manager's `tracing`.
pub(crate) fn tracing() -> Value {
    // Envoy's own `http.url` has the query, in which a client may have put a secret.
    let url = json!({ "tag": "http.url", "value": "%PATH(NQ:PATH):256%" });
    json!({
        "operation": format!("{OPERATION} {}", text("model")),
        "custom_tags": tags().chain([url]).collect::<Vec<_>>(),
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "grpc_service": grpc_service(),
                "service_name": SERVICE,
            },
        },
    })
}

/// For the connection manager's `access_log`.
pub(crate) fn access_log() -> Value {
    json!({
        "name": "envoy.access_loggers.open_telemetry",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
            "grpc_service": grpc_service(),
            "log_name": SERVICE,
            "resource_attributes": {
                "values": [{ "key": "service.name", "value": { "string_value": SERVICE } }],
            },
            "body": { "string_value": "%REQ(:METHOD):16% %PATH(NQ:PATH):256% %RESPONSE_CODE%" },
            "custom_tags": tags().collect::<Vec<_>>(),
        },
    })
}

/// The collector's cluster.
pub(crate) fn cluster(address: &Address, options: &Options) -> Value {
    json!({
        "name": CLUSTER,
        "type": if address.ip().is_some() { "STATIC" } else { "STRICT_DNS" },
        "connect_timeout": seconds(options.timeouts.connect),
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [{
                "lb_endpoints": [{
                    "endpoint": {
                        "address": socket_address(address),
                    },
                }],
            }],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
    })
}

fn grpc_service() -> Value {
    json!({ "envoy_grpc": { "cluster_name": CLUSTER }, "timeout": "5s" })
}

/// The attributes of a span and of a log record. One without a value is left out.
fn tags() -> impl Iterator<Item = Value> {
    let of_module = OF_MODULE.map(|(name, field)| (name, text(field)));
    let of_envoy = OF_ENVOY.map(|(name, format)| (name, format.to_owned()));
    (of_envoy.into_iter().chain(of_module))
        .map(|(tag, value)| json!({ "tag": tag, "value": value }))
}

/// Attribute and access log field.
const OF_MODULE: [(&str, &str); 13] = [
    ("gen_ai.request.model", "model"),
    ("gen_ai.response.model", "model_served"),
    ("gen_ai.usage.input_tokens", "tokens_prompt"),
    ("gen_ai.usage.output_tokens", "tokens_completion"),
    ("gen_ai.usage.cache_read.input_tokens", "tokens_cached"),
    (
        "gen_ai.usage.cache_creation.input_tokens",
        "tokens_cache_write",
    ),
    ("tollgate.organization", "organization"),
    ("tollgate.team", "team"),
    ("tollgate.key", "key"),
    ("tollgate.target", "target"),
    ("tollgate.outcome", "outcome"),
    ("tollgate.reason", "reason"),
    ("tollgate.policy", "policy"),
];

const OF_ENVOY: [(&str, &str); 4] = [
    ("gen_ai.operation.name", OPERATION),
    ("gen_ai.provider.name", PROVIDER),
    ("http.response.status_code", "%RESPONSE_CODE%"),
    ("tollgate.request_id", "%REQ(X-REQUEST-ID)%"),
];

/// Which of the conventions' operations a path is, if one.
const OPERATION: &str = "%CEL(\
    request.url_path == '/v1/chat/completions' ? 'chat' : \
    request.url_path == '/v1/responses' ? 'chat' : \
    request.url_path == '/v1/messages' ? 'chat' : \
    request.url_path == '/v1/completions' ? 'text_completion' : \
    request.url_path == '/v1/embeddings' ? 'embeddings' : '')%";

/// Whose API the client speaks, as the conventions have it where what is behind is not known.
const PROVIDER: &str =
    "%CEL(request.url_path.startsWith('/v1/messages') ? 'anthropic' : 'openai')%";
