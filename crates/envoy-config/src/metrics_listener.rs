//! A listener for whoever collects metrics. The admin interface, which has them, can also stop the
//! gateway: of it no more than their one path is to be reached.

use crate::address::{Address, socket_address};
use crate::managers::{manager_filter, router};
use serde_json::{Value, json};

/// The cluster of the admin interface. No target's can have this name: theirs begin with a letter
/// or digit.
const CLUSTER: &str = "_admin";

/// Answers `GET /stats/prometheus`.
pub(crate) fn listener(address: &Address) -> Value {
    json!({
        "name": "metrics",
        "address": socket_address(address),
        // Seen when all client connections are taken: that is when one looks.
        "ignore_global_conn_limit": true,
        "filter_chains": [{ "filters": [manager_filter(&connection_manager())] }],
    })
}

fn connection_manager() -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "metrics",
        "normalize_path": true,
        "request_timeout": "10s",
        "stream_idle_timeout": "30s",
        "route_config": {
            "name": "metrics",
            "virtual_hosts": [{
                "name": "metrics",
                "domains": ["*"],
                "routes": [{
                    "match": {
                        "path": "/stats/prometheus",
                        "headers": [{ "name": ":method", "string_match": { "exact": "GET" } }],
                    },
                    "route": { "cluster": CLUSTER, "timeout": "30s" },
                }],
            }],
        },
        "http_filters": [router()],
    })
}

/// The admin interface as an upstream.
pub(crate) fn cluster(admin: &Address) -> Value {
    json!({
        "name": CLUSTER,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [{
                "lb_endpoints": [{ "endpoint": { "address": socket_address(admin) } }],
            }],
        },
    })
}
