//! Upstream secrets: Envoy adds them after the module, from files that are read again when they
//! change. They never pass through the policy, the module or the bootstrap.

use crate::discovery;
use crate::options::Options;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Discovery files for credentials, each once: file name and resource.
pub(crate) fn resources<'a>(
    credentials: impl Iterator<Item = &'a str>,
    options: &Options,
) -> Vec<(String, Value)> {
    let names: BTreeSet<&str> = credentials.collect();
    names
        .into_iter()
        .map(|name| (file_name(name), resource(name, options)))
        .collect()
}

/// The upstream filter that adds `authorization: Bearer <secret>`. Without a secret it refuses:
/// the request never leaves without its credential.
pub(crate) fn injector(credential: &str, options: &Options) -> Value {
    json!({
        "name": "envoy.filters.http.credential_injector",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
            "overwrite": true,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
                    "header": "authorization",
                    "header_value_prefix": "Bearer ",
                    "credential": {
                        "name": credential,
                        "sds_config": discovery::source(&file_name(credential), options),
                    },
                },
            },
        },
    })
}

fn file_name(credential: &str) -> String {
    format!("secret-{credential}.json")
}

fn resource(credential: &str, options: &Options) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": credential,
        "generic_secret": { "secret": { "filename": options.credentials[credential] } },
    })
}
