//! Routes: whether requests reach the cluster that the module names, whole and once.

use super::Check;
use super::place::Place;
use crate::{CLUSTER_HEADER, requirements};

impl Check<'_> {
    /// Checks a connection manager's own routes; those by discovery can't be seen.
    pub(super) fn routes(&mut self, manager: &Place<'_>) {
        let config = manager.field("route_config");
        if config.value.is_null() {
            return;
        }
        let mut found = false;
        for host in config.list("virtual_hosts") {
            for route in host.list("routes") {
                if route.field("route.cluster_header").text() == CLUSTER_HEADER {
                    found = true;
                    self.route(&config, &host, &route);
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

    fn route(&mut self, config: &Place<'_>, host: &Place<'_>, route: &Place<'_>) {
        self.require(&route.field("route"), &requirements::ROUTE);
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
