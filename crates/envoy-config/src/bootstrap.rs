//! The bootstrap: what lives as long as the process.

use crate::address::Address;
use crate::options::{Listeners, Options};
use crate::{CLUSTERS_FILE, discovery, listener, otlp, overload, stats};
use serde_json::{Value, json};

/// The whole bootstrap of an Envoy that does nothing else.
pub(crate) fn bootstrap(listeners: &Listeners, options: &Options) -> Value {
    let mut bootstrap = json!({
        "node": node(),
        "static_resources": { "listeners": [listener::listener(&listeners.clients, options)] },
        "dynamic_resources": dynamic_resources(options),
        "overload_manager": overload::overload_manager(options),
        "stats_config": stats::stats_config(),
    });
    if let Some(collector) = &options.otlp {
        bootstrap["static_resources"]["clusters"] = json!([otlp::cluster(collector, options)]);
    }
    if let Some(admin) = &listeners.admin {
        // Reachable when all client connections are taken.
        bootstrap["admin"] =
            json!({ "address": socket_address(admin), "ignore_global_conn_limit": true });
    }
    bootstrap
}

/// Discovery needs both names, from files too.
pub(crate) fn node() -> Value {
    json!({ "id": "tollgate", "cluster": "tollgate" })
}

/// Clusters by discovery: a policy edit may add targets.
pub(crate) fn dynamic_resources(options: &Options) -> Value {
    json!({ "cds_config": discovery::source(CLUSTERS_FILE, options) })
}

/// An address to listen on or to connect to.
pub(crate) fn socket_address(address: &Address) -> Value {
    json!({ "socket_address": { "address": address.host, "port_value": address.port } })
}
