//! TLS to upstreams: against the system's authorities, or, where an upstream asks who is calling,
//! with an identity of ours and its own authority. An identity's files are read again when they
//! are replaced, as cert-manager does long before they expire.

use crate::clusters::Group;
use crate::discovery;
use crate::options::{Options, Upstream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

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
                json!([secret(&certificate_name(folder), options)]);
            common["combined_validation_context"] = json!({
                "default_validation_context": { "match_typed_subject_alt_names": names },
                "validation_context_sds_secret_config": secret(&authority_name(folder), options),
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

/// Discovery files for the identities that the clusters use: file name and resource. One secret a
/// file is all that Envoy takes.
pub(crate) fn resources(groups: &[Group]) -> Vec<(String, Value)> {
    let upstreams = groups.iter().flat_map(|group| &group.upstreams);
    let mut files = BTreeMap::new();
    for folder in upstreams.filter_map(|upstream| upstream.identity.as_ref()) {
        let (certificate, authority) = (certificate_name(folder), authority_name(folder));
        files.insert(file_name(&certificate), certificate_of(certificate, folder));
        files.insert(file_name(&authority), authority_of(authority, folder));
    }
    files.into_iter().collect()
}

fn certificate_of(name: String, folder: &Path) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        "tls_certificate": {
            "certificate_chain": { "filename": folder.join("tls.crt") },
            "private_key": { "filename": folder.join("tls.key") },
            "watched_directory": { "path": folder },
        },
    })
}

fn authority_of(name: String, folder: &Path) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        "validation_context": {
            "trusted_ca": { "filename": folder.join("ca.crt") },
            "watched_directory": { "path": folder },
        },
    })
}

fn secret(name: &str, options: &Options) -> Value {
    json!({ "name": name, "sds_config": discovery::source(&file_name(name), options) })
}

fn file_name(name: &str) -> String {
    format!("{name}.json")
}

fn certificate_name(folder: &Path) -> String {
    format!("certificate-{}", label(folder))
}

fn authority_name(folder: &Path) -> String {
    format!("authority-{}", label(folder))
}

/// A folder's path as part of a file's name; two folders never get the same one.
fn label(folder: &Path) -> String {
    let text = folder.to_string_lossy();
    let mut label = String::new();
    for character in text.trim_matches('/').chars() {
        match character {
            '/' => label.push('-'),
            letter if letter.is_ascii_alphanumeric() => label.push(letter),
            other => label.push_str(&format!(".{:x}.", u32::from(other))),
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::label;
    use std::path::Path;

    #[test]
    fn folders_that_look_alike_have_names_of_their_own() {
        let folders = [
            "/etc/tls",
            "/etc-tls",
            "/etc.tls",
            "/etc.2d.tls",
            "/etc//tls",
        ];
        let labels = folders.map(|folder| label(Path::new(folder)));
        assert_eq!(
            labels,
            [
                "etc-tls",
                "etc.2d.tls",
                "etc.2e.tls",
                "etc.2e.2d.2e.tls",
                "etc--tls"
            ]
        );
    }
}
