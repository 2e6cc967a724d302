//! Headers that are the gateway's to set: a client's are removed before anything reads them.

use crate::options::Options;
use serde_json::{Value, json};

/// What the module tells Envoy, and what it tells upstreams.
const PREFIXES: [&str; 2] = ["x-tollgate-", "x-gateway-"];

/// With which the caller of a gateway at the edge could hide its spans (`traceparent: 00-…-00`:
/// not sampled), or put them into somebody else's trace.
pub(crate) const TRACE: [&str; 2] = ["traceparent", "tracestate"];

/// For the connection manager's `early_header_mutation_extensions`, which run before the trace
/// begins, the route is chosen, and the first filter runs.
///
/// The module removes its headers as well: this is for filters before it, and for the day on
/// which something is wrong with the module, or with its place.
pub(crate) fn removal(options: &Options) -> Value {
    let prefixed = PREFIXES
        .iter()
        .map(|prefix| json!({ "remove_on_match": { "key_matcher": { "prefix": prefix } } }));
    let traced = TRACE.iter().filter(|_| options.otlp.is_some());
    let traced = traced.map(|header| json!({ "remove": header }));
    json!([{
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": prefixed.chain(traced).collect::<Vec<_>>(),
        },
    }])
}

/// Whether a value of `early_header_mutation_extensions` removes what the module sets.
pub(crate) fn removes_ours(value: &Value) -> bool {
    let text = value.to_string();
    PREFIXES
        .iter()
        .all(|prefix| text.contains(&format!("{{\"prefix\":\"{prefix}\"")))
}

/// Whether such a value removes a client's trace.
pub(crate) fn removes_trace(value: &Value) -> bool {
    let text = value.to_string();
    TRACE
        .iter()
        .all(|header| text.contains(&format!("{{\"remove\":\"{header}\"")))
}
