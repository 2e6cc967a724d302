//! The listener: how clients' requests are read, decided on and sent on.

use serde_json::{Value, json};

use crate::bootstrap::socket_address;
use crate::clusters::seconds;
use crate::options::Options;
use crate::{CLUSTER_HEADER, access_log, discovery, local_replies};

/// The listener is part of the bootstrap: a listener that is replaced drains its connections, and
/// nothing in it depends on the policy.
pub(crate) fn listener(options: &Options) -> Value {
    json!({
        "name": "tollgate",
        "address": socket_address(&options.listen),
        "per_connection_buffer_limit_bytes": 1 << 20,
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": connection_manager(options),
            }],
        }],
    })
}

fn connection_manager(options: &Options) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "tollgate",
        "server_name": "tollgate",
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "use_remote_address": true,
        "xff_num_trusted_hops": options.trusted_hops,
        "internal_address_config": { "unix_sockets": false },
        "stream_idle_timeout": seconds(options.timeouts.idle),
        "request_timeout": seconds(options.timeouts.request),
        "request_headers_timeout": "10s",
        "max_request_headers_kb": 60,
        "common_http_protocol_options": {
            "idle_timeout": "3600s",
            "max_headers_count": 100,
            "max_stream_duration": seconds(options.timeouts.stream),
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 262_144,
            "initial_connection_window_size": 1_048_576,
        },
        "access_log": [access_log::access_log(options)],
        "local_reply_config": local_replies::local_reply_config(options),
        "route_config": route_config(options),
        "http_filters": http_filters(options),
    })
}

fn route_config(options: &Options) -> Value {
    json!({
        "name": "tollgate",
        "virtual_hosts": [{
            "name": "tollgate",
            "domains": ["*"],
            "request_body_buffer_limit": options.limits.body,
            "routes": [{
                "name": "tollgate",
                "match": { "prefix": "/" },
                "request_headers_to_remove": [CLUSTER_HEADER],
                "route": {
                    "cluster_header": CLUSTER_HEADER,
                    "timeout": "0s",
                    "idle_timeout": seconds(options.timeouts.idle),
                    "retry_policy": retry_policy(),
                },
            }],
        }],
    })
}

fn retry_policy() -> Value {
    json!({
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": 3,
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                "update_frequency": 1,
            },
        },
    })
}

fn http_filters(options: &Options) -> Value {
    json!([
        {
            "name": discovery::NAME,
            "config_discovery": {
                "config_source": discovery::source(discovery::MODULE, options),
                "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
            },
        },
        {
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": true,
            },
        },
    ])
}
