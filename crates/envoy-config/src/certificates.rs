//! Certificates by discovery: a folder of `tls.crt`, `tls.key` and `ca.crt`, as cert-manager fills
//! it. Its files are read again when they are replaced, long before they expire.

use crate::discovery;
use crate::options::Options;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The certificate of a folder with its key, for a `tls_certificate_sds_secret_configs`.
pub(crate) fn own(folder: &Path, options: &Options) -> Value {
    secret(&certificate_name(folder), options)
}

/// The authority of a folder, for a `validation_context_sds_secret_config`.
pub(crate) fn authority(folder: &Path, options: &Options) -> Value {
    secret(&authority_name(folder), options)
}

/// Discovery files: file name and resource. `own` are folders of which the certificate is used,
/// `identities` those of which the authority is too. One secret a file is all that Envoy takes.
pub(crate) fn resources<'a>(
    own: impl Iterator<Item = &'a Path>,
    identities: impl Iterator<Item = &'a Path> + Clone,
) -> Vec<(String, Value)> {
    let mut files = BTreeMap::new();
    for folder in own.chain(identities.clone()) {
        let name = certificate_name(folder);
        files.insert(file_name(&name), certificate_of(name, folder));
    }
    for folder in identities {
        let name = authority_name(folder);
        files.insert(file_name(&name), authority_of(name, folder));
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
