//! The bootstrap: what lives as long as the process.

use serde_json::{Value, json};

use crate::options::{Address, Options};
use crate::{discovery, listener, overload, stats};

pub(crate) fn bootstrap(options: &Options) -> Value {
    let mut bootstrap = json!({
        // Discovery needs both, from files too.
        "node": { "id": "tollgate", "cluster": "tollgate" },
        "static_resources": { "listeners": [listener::listener(options)] },
        "dynamic_resources": { "cds_config": discovery::source(discovery::CLUSTERS, options) },
        "overload_manager": overload::overload_manager(options),
        "stats_config": stats::stats_config(),
    });
    if let Some(admin) = &options.admin {
        bootstrap["admin"] = json!({ "address": socket_address(admin), "ignore_global_conn_limit": true });
    }
    bootstrap
}

pub(crate) fn socket_address(address: &Address) -> Value {
    json!({ "socket_address": { "address": address.host, "port_value": address.port } })
}
