//! TLS to upstreams: against the system's authorities, or, where an upstream asks who is calling,
//! with an identity of ours and its own authority. An identity's files are read again when they
//! are replaced, as cert-manager does long before they expire.

use crate::certificates;
use crate::options::{Options, Upstream};
use serde_json::{Value, json};

/// The transport socket of the upstream with this priority, for endpoints that have its number.
pub(crate) fn socket(priority: usize, upstream: &Upstream, options: &Options) -> Value {
    let host = &upstream.address.host;
    let is_ip = upstream.address.ip().is_some();
    let names = json!([{
        "san_type": if is_ip { "IP_ADDRESS" } else { "DNS" },
        "matcher": { "exact": host },
    }]);
    let mut common = json!({
        "alpn_protocols": [if upstream.http2 { "h2" } else { "http/1.1" }],
    });
    match &upstream.identity {
        Some(folder) => {
            common["tls_certificate_sds_secret_configs"] =
                json!([certificates::own(folder, options)]);
            common["combined_validation_context"] = json!({
                "default_validation_context": { "match_typed_subject_alt_names": names },
                "validation_context_sds_secret_config": certificates::authority(folder, options),
            });
        }
        None => {
            common["validation_context"] = json!({
                "trusted_ca": { "filename": options.ca_file },
                "match_typed_subject_alt_names": names,
            });
        }
    }
    let mut context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": common,
    });
    if !is_ip {
        context["sni"] = json!(host);
    }
    json!({
        "name": format!("tls-{priority}"),
        "match": { "priority": priority },
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": context,
        },
    })
}
