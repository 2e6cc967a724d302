//! The bootstrap: what lives as long as the process.

use crate::address::socket_address;
use crate::listener::Entrance;
use crate::options::{Listeners, Options};
use crate::{
    CLUSTERS_FILE, discovery, front_door, listener, metrics_listener, otlp, overload, stats,
};
use serde_json::{Value, json};

/// The whole bootstrap of an Envoy that does nothing else.
pub(crate) fn bootstrap(listeners: &Listeners, options: &Options) -> Value {
    let mut bootstrap = json!({
        "node": node(),
        "static_resources": { "listeners": all(listeners, options) },
        "dynamic_resources": dynamic_resources(options),
        "overload_manager": overload::overload_manager(options),
        "stats_config": stats::stats_config(),
    });
    let clusters = clusters(listeners, options);
    if !clusters.is_empty() {
        bootstrap["static_resources"]["clusters"] = clusters.into();
    }
    if let Some(admin) = &listeners.admin {
        // Reachable when all client connections are taken.
        bootstrap["admin"] =
            json!({ "address": socket_address(admin), "ignore_global_conn_limit": true });
    }
    bootstrap
}

fn all(listeners: &Listeners, options: &Options) -> Vec<Value> {
    let clients = &listeners.clients;
    let mut all = match &listeners.front_door {
        Some(door) => front_door::listeners(door, clients, options),
        None => vec![listener::listener(&Entrance::CLIENTS, clients, options)],
    };
    let applications = listeners.applications.as_ref();
    all.extend(applications.map(|at| listener::listener(&Entrance::APPLICATIONS, at, options)));
    all.extend(listeners.metrics.as_ref().map(metrics_listener::listener));
    all
}

/// Those that no target names, and no edit of the policy changes.
fn clusters(listeners: &Listeners, options: &Options) -> Vec<Value> {
    let collector = (options.otlp.as_ref()).map(|collector| otlp::cluster(collector, options));
    let other_hosts =
        (listeners.front_door.as_ref()).map(|door| front_door::cluster(door, options));
    let metrics = listeners.metrics.as_ref().and(listeners.admin.as_ref());
    [
        collector,
        other_hosts,
        metrics.map(metrics_listener::cluster),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Discovery needs both names, from files too.
pub(crate) fn node() -> Value {
    json!({ "id": "tollgate", "cluster": "tollgate" })
}

/// Clusters by discovery: a policy edit may add targets.
pub(crate) fn dynamic_resources(options: &Options) -> Value {
    json!({ "cds_config": discovery::source(CLUSTERS_FILE, options) })
}
