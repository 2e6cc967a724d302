//! Tollgate's filter: where it stands among the others, and how the module is loaded.

use super::Check;
use super::place::Place;
use crate::discovery;
use crate::requirements;
use tollgate_core::document::Document;

/// Filters that must see a request before the module, and why.
const BEFORE: [(&str, &str); 2] = [
    (
        "envoy.filters.http.cors",
        "the module would refuse preflight requests, which carry no key",
    ),
    (
        "envoy.filters.http.jwt_authn",
        "the module would read a token that nobody has verified",
    ),
];

/// Filters that must see a request after the module, and why.
const AFTER: [(&str, &str); 2] = [
    (
        "envoy.filters.http.ext_proc",
        "an endpoint picker would choose without the hints that the module sets",
    ),
    (
        "envoy.filters.http.credential_injector",
        "the module would take the upstream's credential for the client's, and remove it",
    ),
];

impl Check<'_> {
    /// Checks every connection manager of a listener that has the filter. One policy for each, if
    /// it can be read.
    pub(super) fn listener(&mut self, listener: &Place<'_>) -> Vec<Option<Document>> {
        let mut chains = listener.list("filter_chains");
        chains.push(listener.field("default_filter_chain"));
        let managers = chains.iter().flat_map(|chain| chain.list("filters"));
        let managers = managers.map(|filter| filter.field("typed_config"));
        let managers = managers.filter(|config| config.is_a("v3.HttpConnectionManager"));
        managers
            .filter_map(|manager| self.manager(&manager))
            .collect()
    }

    /// Nothing if it does not have the filter.
    fn manager(&mut self, manager: &Place<'_>) -> Option<Option<Document>> {
        let filters = manager.list("http_filters");
        let position = filters.iter().position(is_tollgate)?;
        self.require(manager, &requirements::MANAGER);
        self.order(&filters, position);
        self.routes(manager);
        Some(self.filter(filters.get(position)?))
    }

    fn order(&mut self, filters: &[Place<'_>], ours: usize) {
        for (index, filter) in filters.iter().enumerate() {
            let kind = kind(filter);
            let misplaced = |list: &[(&'static str, &'static str)]| {
                list.iter()
                    .find(|(name, _)| kind == *name)
                    .map(|(_, why)| *why)
            };
            if let Some(why) = misplaced(&BEFORE).filter(|_| index > ours) {
                self.find(
                    filter,
                    why,
                    &format!("{kind} before the filter '{}'", discovery::NAME),
                );
            }
            if let Some(why) = misplaced(&AFTER).filter(|_| index < ours) {
                self.find(
                    filter,
                    why,
                    &format!("{kind} after the filter '{}'", discovery::NAME),
                );
            }
        }
    }

    fn filter(&mut self, filter: &Place<'_>) -> Option<Document> {
        let discovery = filter.field("config_discovery");
        if discovery.value.is_null() {
            self.find(
                &discovery,
                "a policy edit would replace the listener and drain its connections",
                "config_discovery as in fragment.yaml, in place of typed_config",
            );
            return self.plugin(&filter.field("typed_config.config"));
        }
        let default = discovery.field("default_config");
        if !default.value.is_null() {
            self.find(
                &default,
                "Envoy would be ready, and serve by this, before it has read a policy",
                "nothing: remove it",
            );
        }
        let source = discovery.field("config_source.path_config_source");
        let watched = source.field("watched_directory.path");
        if !source.value.is_null() && watched.value.is_null() {
            self.find(
                &watched,
                "edits of a mounted ConfigMap would not be seen: it changes by a rename of its folder",
                "watched_directory: {path: <the folder>}",
            );
        }
        let mut document = None;
        self.discovered(&source.field("path"), |check, resource| {
            document = check.plugin(&resource.field("typed_config.config"));
        });
        document
    }

    fn plugin(&mut self, plugin: &Place<'_>) -> Option<Document> {
        self.require(plugin, &requirements::PLUGIN);
        let configuration = plugin.field("configuration.value");
        match serde_json::from_str(configuration.text()) {
            Ok(document) => Some(document),
            Err(problem) => {
                self.find(
                    &configuration,
                    &format!("not a compiled policy: {problem}"),
                    "the output of `tollgate policy render`",
                );
                None
            }
        }
    }
}

fn is_tollgate(filter: &Place<'_>) -> bool {
    let by_discovery = !filter.field("config_discovery").value.is_null();
    let root_id = filter.field("typed_config.config.root_id");
    filter.field("name").text() == discovery::NAME && by_discovery
        || root_id.text() == discovery::NAME
}

/// A filter's kind: its name is free, its type is not.
fn kind(filter: &Place<'_>) -> &'static str {
    let config = filter.field("typed_config");
    let message = |message: &str| config.is_a(message);
    match () {
        () if message("cors.v3.Cors") => "envoy.filters.http.cors",
        () if message("jwt_authn.v3.JwtAuthentication") => "envoy.filters.http.jwt_authn",
        () if message("ext_proc.v3.ExternalProcessor") => "envoy.filters.http.ext_proc",
        () if message("credential_injector.v3.CredentialInjector") => {
            "envoy.filters.http.credential_injector"
        }
        () => "",
    }
}
