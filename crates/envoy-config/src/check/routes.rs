//! Routes: whether requests reach the cluster that the module names, through it, whole and once.

use super::Check;
use crate::CLUSTER_HEADER;
use crate::place::Place;
use crate::requirements::{REPETITIONS, RETRIES, ROUTE, UPGRADES};

const UNSEEN: &str = "routes that a management server sends can't be seen here: see that they are \
                      as in fragment.yaml, and none switches the module off";

impl Check<'_> {
    /// Checks the routes of a connection manager in which Tollgate's filter has the name `filter`:
    /// its own, or those of a file.
    pub(super) fn routes(&mut self, manager: &Place<'_>, filter: &str) {
        let own = manager.field("route_config");
        let discovery = manager.field("rds");
        let file = discovery.field("config_source.path_config_source.path");
        if !own.value.is_null() {
            self.route_config(&own, filter);
        } else if !file.text().is_empty() {
            let name = discovery.field("route_config_name").text();
            self.discovered(&file, |check, config| {
                if config.field("name").text() == name {
                    check.route_config(config, filter);
                }
            });
        } else {
            self.note(&discovery, UNSEEN);
        }
    }

    fn route_config(&mut self, config: &Place<'_>, filter: &str) {
        self.overrides(config, filter);
        let by_discovery = config.field("vhds");
        if by_discovery.is_set() {
            self.note(&by_discovery, UNSEEN);
        }
        let mut found = false;
        for host in config.list("virtual_hosts") {
            for route in host.list("routes") {
                self.refuse(&route.field("route"), &UPGRADES);
                if route.field("route.cluster_header").text() == CLUSTER_HEADER {
                    found = true;
                    self.route(config, &host, &route);
                }
            }
        }
        if !found {
            self.find(
                &config.field("virtual_hosts"),
                "no route goes to the cluster that the module names: a model's targets and \
                 credentials have no effect",
                &format!("cluster_header: {CLUSTER_HEADER}"),
            );
        }
    }

    /// What any level of the routes (in matchers too) says of the filter itself.
    fn overrides(&mut self, level: &Place<'_>, filter: &str) {
        let own = level.field("typed_per_filter_config").entry(filter);
        if own.field("disabled").is_set() {
            self.switched_off(&own.field("disabled"), level);
        } else if own.is_set()
            && (!own.is_a("route.v3.FilterConfig") || own.field("config").is_set())
        {
            self.find_surplus(
                &own,
                "requests here would be decided by something else than the compiled policy",
                &format!("the entry '{filter}'"),
            );
        }
        let fields = level.fields().into_iter().map(|(_, field)| field);
        for below in fields.chain(level.items()) {
            self.overrides(&below, filter);
        }
    }

    fn route(&mut self, config: &Place<'_>, host: &Place<'_>, route: &Place<'_>) {
        let action = route.field("route");
        self.require(&action, &ROUTE);
        // A route's own policy takes the place of its virtual host's.
        let own_policy = action.field("retry_policy").is_set();
        self.require(if own_policy { &action } else { host }, &RETRIES);
        for level in [&action, host, config] {
            self.refuse(level, &REPETITIONS);
        }
        let levels = [route, host, config];
        let limit = "request_body_buffer_limit";
        if levels
            .iter()
            .all(|level| level.field(limit).value.is_null())
        {
            self.find(
                &host.field(limit),
                "request bodies above 1 MiB get 413",
                &format!("{limit}: 33554432"),
            );
        }
        let removes = |level: &Place<'_>| {
            let removed = level.list("request_headers_to_remove");
            removed
                .iter()
                .any(|header| header.text().eq_ignore_ascii_case(CLUSTER_HEADER))
        };
        if !levels.into_iter().any(removes) {
            self.find(
                &route.field("request_headers_to_remove"),
                "the upstream would see the name of its cluster, and of its credential",
                &format!("request_headers_to_remove: [{CLUSTER_HEADER}]"),
            );
        }
    }
}
