//! Clusters: one per list of upstreams and credential that some target uses, under the name by
//! which the module asks for it.

use crate::address::socket_address;
use crate::options::{Options, Upstream, seconds};
use crate::{Missing, secrets, upstream_tls};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tollgate_core::document::{Document, Model, Target, cluster_name};

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
///
/// # Errors
/// Every name that the options do not define.
pub(crate) fn groups(document: &Document, options: &Options) -> Result<Vec<Group>, Missing> {
    let mut groups = BTreeMap::new();
    let mut missing = Vec::new();
    for model in &document.models {
        for target in &model.targets {
            let name = cluster_name(&target.upstreams, target.credential.as_deref());
            let upstreams = upstreams(model, target, options, &mut missing);
            let credential = credential(model, target, options, &mut missing);
            groups.insert(
                name.clone(),
                Group {
                    name,
                    upstreams,
                    credential,
                },
            );
        }
    }
    if missing.is_empty() {
        Ok(groups.into_values().collect())
    } else {
        Err(Missing(missing))
    }
}

fn upstreams(
    model: &Model,
    target: &Target,
    options: &Options,
    missing: &mut Vec<String>,
) -> Vec<Upstream> {
    let mut found = Vec::new();
    for name in &target.upstreams {
        match options.upstreams.get(name) {
            Some(upstream) => found.push(upstream.clone()),
            None => missing.push(format!(
                "target '{}' of model '{}' uses upstream '{name}': give --upstream \
                 {name}=HOST:PORT",
                target.name, model.name
            )),
        }
    }
    found
}

fn credential(
    model: &Model,
    target: &Target,
    options: &Options,
    missing: &mut Vec<String>,
) -> Option<String> {
    let name = target.credential.as_ref()?;
    if !options.credentials.contains_key(name) {
        missing.push(format!(
            "target '{}' of model '{}' uses credential '{name}': give --credential {name}=FILE",
            target.name, model.name
        ));
    }
    Some(name.clone())
}

/// The clusters' resources.
pub(crate) fn resources(groups: &[Group], options: &Options) -> Vec<Value> {
    let typed = |group| {
        let mut cluster = cluster(group, options);
        cluster["@type"] = json!("type.googleapis.com/envoy.config.cluster.v3.Cluster");
        cluster
    };
    groups.iter().map(typed).collect()
}

/// One cluster, as it stands in a bootstrap.
pub(crate) fn cluster(group: &Group, options: &Options) -> Value {
    let upstreams = &group.upstreams;
    let all_ips = upstreams
        .iter()
        .all(|upstream| upstream.address.ip().is_some());
    let endpoints: Vec<Value> = upstreams.iter().enumerate().map(endpoint).collect();
    let tls: Vec<Value> = (upstreams.iter().enumerate())
        .filter(|(_, upstream)| upstream.tls)
        .map(|(priority, upstream)| upstream_tls::socket(priority, upstream, options))
        .collect();
    json!({
        "name": group.name,
        "type": if all_ips { "STATIC" } else { "STRICT_DNS" },
        // Both families, tried like a browser does.
        "dns_lookup_family": "ALL",
        "connect_timeout": seconds(options.timeouts.connect),
        "load_assignment": { "cluster_name": group.name, "endpoints": endpoints },
        "transport_socket_matches": tls,
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol(group, options),
        },
        "circuit_breakers": circuit_breakers(),
        "outlier_detection": outlier_detection(),
    })
}

/// Each upstream is a priority of its own: the next one serves when those before it fail.
fn endpoint((priority, upstream): (usize, &Upstream)) -> Value {
    let address = &upstream.address;
    json!({
        "priority": priority,
        "lb_endpoints": [{
            "endpoint": {
                "address": socket_address(address),
                // Becomes the request's host: which of an upstream's virtual hosts serves it is
                // no choice of the client's.
                "hostname": upstream.authority(),
            },
            "metadata": {
                "filter_metadata": { "envoy.transport_socket_match": { "priority": priority } },
            },
        }],
    })
}

fn protocol(group: &Group, options: &Options) -> Value {
    let http2 = group.upstreams.iter().any(|upstream| upstream.http2);
    let version = if http2 {
        "http2_protocol_options"
    } else {
        "http_protocol_options"
    };
    let mut protocol = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { version: {} },
        // Below the 5 s after which uvicorn (vLLM) closes an idle connection: a request sent into
        // a closing connection fails and may not be repeated.
        "common_http_protocol_options": { "idle_timeout": "4s" },
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

/// Out of the way: how much runs at once is the policy's business, and every retry is of a
/// request that no upstream has taken. Envoy's defaults (1024, and 3 retries) are neither.
fn circuit_breakers() -> Value {
    json!({
        "thresholds": [{
            "max_connections": 65_536,
            "max_pending_requests": 65_536,
            "max_requests": 65_536,
            "max_retries": 65_536,
        }],
    })
}

/// An upstream that can't be reached is skipped for a while, so that not each request waits for
/// it before the next one is tried. Its answers never count, whatever their status.
fn outlier_detection() -> Value {
    json!({
        "split_external_local_origin_errors": true,
        "consecutive_local_origin_failure": 5,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": "5s",
        "max_ejection_time": "30s",
        "max_ejection_percent": 100,
    })
}
