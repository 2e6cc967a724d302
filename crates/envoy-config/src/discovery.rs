//! Discovery files: what Envoy reads again, and swaps without a drain, when they are renamed into
//! place.

use crate::options::Options;
use crate::{File, json_file};
use serde_json::{Value, json};
use tollgate_core::document::Document;

/// The module and its configuration, which is the policy.
pub(crate) const MODULE: &str = "module.json";
/// The name of the filter, its resource, its root context and its VM.
pub(crate) const NAME: &str = "tollgate";

/// A discovery response in a file.
pub(crate) fn file(name: &str, version: &str, resources: &[Value]) -> File {
    json_file(
        name,
        &json!({ "version_info": version, "resources": resources }),
    )
}

/// Where Envoy finds such a file. It watches the folder, since a rename over the file (and the
/// symbolic link swap of a mounted ConfigMap) gives no event on the file itself.
pub(crate) fn source(name: &str, options: &Options) -> Value {
    json!({
        "resource_api_version": "V3",
        "path_config_source": {
            "path": options.directory.join(name),
            "watched_directory": { "path": options.directory },
        },
    })
}

/// The filter's resource.
pub(crate) fn module(document: &Document, options: &Options) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": NAME,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": NAME,
                "root_id": NAME,
                // A trapped VM is replaced; until then requests get 503, never a free pass.
                "failure_policy": "FAIL_RELOAD",
                "reload_config": { "backoff": { "base_interval": "0.1s" } },
                // Else a request whose headers are held for its body hangs.
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    // Shared data belongs to this name: it outlives edits and reloads.
                    "vm_id": NAME,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": options.module } },
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": canonical(document),
                },
            },
        },
    })
}

/// The document as the module reads it: compact JSON in the order of its fields.
fn canonical(document: &Document) -> String {
    serde_json::to_string(document).expect("a document has string keys only")
}
