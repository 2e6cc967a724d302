//! Clusters of the policy before, kept for one more edit.
//!
//! Clusters change before the policy does. A request whose body was still arriving is decided by
//! the policy it began under; and if the module refuses the new policy, the old one goes on. Both
//! need the clusters that the old policy names.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The clusters of `previous` (a `clusters.json` about to be replaced) that a policy of `version`
/// no longer has among `current`.
///
/// A repeated run for the same policy keeps what the first one kept. A file that is not ours to
/// read has none to keep.
pub(crate) fn clusters(previous: &str, version: &str, current: &[Value]) -> Vec<Value> {
    let previous: Value = serde_json::from_str(previous).unwrap_or_default();
    let same_policy = previous["version_info"] == version;
    let current: BTreeSet<&str> = current.iter().filter_map(name).collect();
    let resources = previous["resources"].as_array().into_iter().flatten();
    let needed = resources
        .filter(|cluster| name(cluster).is_some_and(|name| !current.contains(name)))
        .filter(|cluster| same_policy || !is_retired(cluster));
    needed.map(|cluster| retire(cluster.clone())).collect()
}

fn name(cluster: &Value) -> Option<&str> {
    cluster["name"].as_str()
}

fn is_retired(cluster: &Value) -> bool {
    cluster["metadata"]["filter_metadata"]["tollgate"]["retired"] == true
}

fn retire(mut cluster: Value) -> Value {
    cluster["metadata"] = json!({ "filter_metadata": { "tollgate": { "retired": true } } });
    cluster
}
