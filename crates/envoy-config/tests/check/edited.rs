//! The generated bootstrap after an edit.

use super::common::{document, listeners, options};
use super::{BOOTSTRAP, findings, in_place};
use serde_json::Value;
use tollgate_envoy_config::generate;

pub(crate) const LISTENER: &str = "/static_resources/listeners/0";
pub(crate) const MANAGER: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
/// As findings have it.
const MANAGER_PATH: &str =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.";

/// What is said of the generated bootstrap after an edit of it.
pub(crate) fn after(edit: impl Fn(&mut Value)) -> String {
    after_with(edit, &[])
}

/// Likewise, with other files beside it.
pub(crate) fn after_with(edit: impl Fn(&mut Value), others: &[(&str, Value)]) -> String {
    let mut files = in_place(generate(&document(), &listeners(), &options()).unwrap());
    let bootstrap = files.get_mut(BOOTSTRAP).unwrap();
    let mut value = serde_json::from_str(bootstrap).unwrap();
    edit(&mut value);
    *bootstrap = value.to_string();
    for (name, contents) in others {
        files.insert((*name).to_owned(), contents.to_string());
    }
    let text = findings(&files);
    text.replace(&format!("{BOOTSTRAP}: "), "")
        .replace(MANAGER_PATH, "MANAGER.")
}

/// Sets a field of the connection manager.
pub(crate) fn with(pointer: &str, value: &Value) -> String {
    after(|bootstrap| set(bootstrap, &format!("{MANAGER}/{pointer}"), value))
}

pub(crate) fn set(value: &mut Value, pointer: &str, to: &Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[field] = to.clone();
}

/// Of the one virtual host.
pub(crate) fn routes(bootstrap: &mut Value) -> &mut Vec<Value> {
    let routes = format!("{MANAGER}/route_config/virtual_hosts/0/routes");
    let routes = bootstrap.pointer_mut(&routes).unwrap();
    routes.as_array_mut().unwrap()
}
