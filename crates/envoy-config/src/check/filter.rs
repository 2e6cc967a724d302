//! Tollgate's filter: where it stands among the others, and how the module is loaded.

use super::Check;
use crate::place::Place;
use crate::{discovery, early_headers, requirements};
use tollgate_core::document::Document;

/// Where a filter of some type stands among the others, and why.
struct Neighbour {
    /// Its name is free, its type is not.
    message: &'static str,
    /// What it is commonly called.
    name: &'static str,
    /// Seen from the module.
    side: Side,
    why: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

const NEIGHBOURS: [Neighbour; 4] = [
    Neighbour {
        message: "cors.v3.Cors",
        name: "envoy.filters.http.cors",
        side: Side::Before,
        why: "the module would refuse preflight requests, which carry no key",
    },
    Neighbour {
        message: "jwt_authn.v3.JwtAuthentication",
        name: "envoy.filters.http.jwt_authn",
        side: Side::Before,
        why: "there would be no token left in `authorization`: the module removes it",
    },
    Neighbour {
        message: "ext_proc.v3.ExternalProcessor",
        name: "envoy.filters.http.ext_proc",
        side: Side::After,
        why: "an endpoint picker would choose without the hints that the module sets",
    },
    Neighbour {
        message: "credential_injector.v3.CredentialInjector",
        name: "envoy.filters.http.credential_injector",
        side: Side::After,
        why: "the module would take the upstream's credential for the client's, and remove it",
    },
];

impl Check<'_> {
    /// Checks every connection manager of a listener that has the filter, and where those lead
    /// that do not. One policy for each that has it, if it can be read.
    pub(super) fn listener(&mut self, listener: &Place<'_>) -> Vec<Option<Document>> {
        let mut chains = listener.list("filter_chains");
        chains.push(listener.field("default_filter_chain"));
        let filters = chains.iter().flat_map(|chain| chain.list("filters"));
        filters
            .filter_map(|filter| self.network_filter(&filter.field("typed_config")))
            .collect()
    }

    /// Nothing if it is no connection manager with the filter.
    fn network_filter(&mut self, config: &Place<'_>) -> Option<Option<Document>> {
        let filters = config.list("http_filters");
        let is_manager = config.is_a("v3.HttpConnectionManager");
        if let Some(ours) = filters.iter().position(is_tollgate).filter(|_| is_manager) {
            return Some(self.manager(config, &filters, ours));
        }
        self.unguarded(config);
        let routes = config.field("rds.config_source.path_config_source.path");
        self.discovered(&routes, |check, routes| check.unguarded(routes));
        None
    }

    fn manager(
        &mut self,
        manager: &Place<'_>,
        filters: &[Place<'_>],
        ours: usize,
    ) -> Option<Document> {
        self.require(manager, &requirements::MANAGER);
        self.refuse(manager, &requirements::UPGRADES);
        self.trace(manager);
        self.access_log(&manager.field("access_log"));
        self.hops(&manager.field("xff_num_trusted_hops"));
        self.order(filters, ours);
        let filter = filters.get(ours)?;
        self.routes(manager, filter.field("name").text());
        if filter.field("disabled").is_set() {
            self.find_surplus(
                &filter.field("disabled"),
                "requests would pass the module by, with no key, wherever no route switches it on",
                "disabled: true",
            );
        }
        self.filter(filter)
    }

    /// Only where spans are made of what the module found out: another trace is its operator's.
    fn trace(&mut self, manager: &Place<'_>) {
        let ours = manager.field("tracing").mentions(requirements::FIELDS);
        let early = manager.field("early_header_mutation_extensions");
        if ours && !early_headers::removes_trace(&early) {
            let why = "a client could hide its spans by a traceparent that is not sampled, or put \
                       them into another trace";
            self.find(&early, why, "{remove: traceparent}, {remove: tracestate}");
        }
    }

    /// Probes need no line; whose requests another filter passes over can't be seen.
    fn access_log(&mut self, logs: &Place<'_>) {
        let mut ours = logs.items();
        ours.retain(|log| log.mentions(requirements::FIELDS));
        let filters: Vec<_> = ours.iter().map(|log| log.field("filter")).collect();
        let whole = |filter: &Place<'_>| {
            !filter.is_set() || filter.field("not_health_check_filter").value.is_object()
        };
        if filters.iter().any(whole) {
            return;
        }
        for filter in &filters {
            let why = "what a request used, and why it was refused, is told nowhere if this \
                       passes over it: right only if you need not know";
            self.note(filter, why);
        }
    }

    fn hops(&mut self, hops: &Place<'_>) {
        if hops.value.as_u64().is_some_and(|hops| hops > 0) {
            let why = format!(
                "clients' addresses are taken from x-forwarded-for, entry {} from the right: right \
                 only if as many proxies stand in front, and nobody gets around them",
                hops.value
            );
            self.note(hops, &why);
        }
    }

    fn order(&mut self, filters: &[Place<'_>], ours: usize) {
        for (index, filter) in filters.iter().enumerate() {
            let config = filter.field("typed_config");
            let actual = if index < ours {
                Side::Before
            } else {
                Side::After
            };
            let misplaced = NEIGHBOURS
                .iter()
                .find(|known| config.is_a(known.message) && known.side != actual);
            if let Some(Neighbour {
                name, side, why, ..
            }) = misplaced
            {
                let side = match side {
                    Side::Before => "before",
                    Side::After => "after",
                };
                let add = format!("{name} {side} the filter '{}'", discovery::NAME);
                self.find(filter, why, &add);
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
            self.find_surplus(
                &default,
                "Envoy would be ready, and serve by this, before it has read a policy",
                "default_config",
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
