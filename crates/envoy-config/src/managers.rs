//! What connection managers have in common, whatever they are for.

use serde_json::{Value, json};

/// The network filter that is a connection manager.
pub(crate) fn manager_filter(manager: &Value) -> Value {
    json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager })
}

/// Whose `x-envoy-*` headers (retries, timeouts) are obeyed: nobody's. An empty list would mean
/// every private address, hence one that no client has.
pub(crate) fn nobody() -> Value {
    json!({ "cidr_ranges": [{ "address_prefix": "255.255.255.255", "prefix_len": 32 }] })
}

pub(crate) fn http2() -> Value {
    json!({
        "max_concurrent_streams": 100,
        "initial_stream_window_size": 256 << 10,
        "initial_connection_window_size": 1 << 20,
    })
}

pub(crate) fn router() -> Value {
    json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            // An answer goes out as the upstream sent it.
            "suppress_envoy_headers": true,
        },
    })
}
