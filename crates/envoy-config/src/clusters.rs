//! Clusters: one per list of upstreams and credential that some target uses, under the name by
//! which the module asks for it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tollgate_core::document::{Document, cluster_name};

use crate::options::{Options, Upstream};
use crate::{Missing, secrets};

/// What one cluster serves.
pub(crate) struct Group {
    /// The cluster's name.
    pub(crate) name: String,
    /// In order of priority.
    pub(crate) upstreams: Vec<Upstream>,
    /// The secret that its requests get.
    pub(crate) credential: Option<String>,
}

/// The distinct groups of a policy's targets, sorted by name.
pub(crate) fn groups(document: &Document, options: &Options) -> Result<Vec<Group>, Missing> {
    let mut groups = BTreeMap::new();
    let mut missing = Vec::new();
    for (model, target) in document.models.iter().flat_map(|m| m.targets.iter().map(move |t| (m, t))) {
        let wanted_by = format!("target `{}` of model `{}`", target.name, model.name);
        let mut upstreams = Vec::new();
        for name in &target.upstreams {
            match options.upstreams.get(name) {
                Some(upstream) => upstreams.push(upstream.clone()),
                None => missing.push(format!("{wanted_by} uses upstream `{name}`: give --upstream {name}=HOST:PORT")),
            }
        }
        let credential = target.credential.clone();
        if let Some(name) = credential.as_ref().filter(|name| !options.credentials.contains_key(*name)) {
            missing.push(format!("{wanted_by} uses credential `{name}`: give --credential {name}=FILE"));
        }
        let name = cluster_name(&target.upstreams, credential.as_deref());
        groups.insert(name.clone(), Group { name, upstreams, credential });
    }
    if missing.is_empty() { Ok(groups.into_values().collect()) } else { Err(Missing(missing)) }
}

/// The clusters' resources.
pub(crate) fn resources(groups: &[Group], options: &Options) -> Vec<Value> {
    groups.iter().map(|group| cluster(group, options)).collect()
}

fn cluster(group: &Group, options: &Options) -> Value {
    let all_ips = group.upstreams.iter().all(|upstream| upstream.address.ip().is_some());
    let mut cluster = json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": group.name,
        "type": if all_ips { "STATIC" } else { "STRICT_DNS" },
        "connect_timeout": seconds(options.timeouts.connect),
        "load_assignment": {
            "cluster_name": group.name,
            "endpoints": group.upstreams.iter().enumerate().map(endpoint).collect::<Vec<_>>(),
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol(group, options),
        },
    });
    if group.upstreams.iter().any(|upstream| upstream.tls) {
        cluster["transport_socket"] = Value::Object(Map::new());
    }
    cluster
}

fn endpoint((priority, upstream): (usize, &Upstream)) -> Value {
    json!({
        "priority": priority,
        "lb_endpoints": [{
            "endpoint": {
                "address": {
                    "socket_address": { "address": upstream.address.host, "port_value": upstream.address.port },
                },
            },
        }],
    })
}

fn protocol(group: &Group, options: &Options) -> Value {
    let mut protocol = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http_protocol_options": {} },
    });
    if let Some(credential) = &group.credential {
        protocol["http_filters"] = json!([
            secrets::injector(credential, options),
            {
                "name": "envoy.filters.http.upstream_codec",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
                },
            },
        ]);
    }
    protocol
}

/// A duration as protobuf's JSON writes it.
pub(crate) fn seconds(duration: std::time::Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}
