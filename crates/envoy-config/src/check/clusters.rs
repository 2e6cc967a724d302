//! Clusters: whether each that the policy's targets need is defined.

use super::Check;
use crate::place::Place;
use std::collections::BTreeSet;
use tollgate_core::document::{Document, cluster_name};

impl Check<'_> {
    /// Clusters from a management server can't be seen: then nothing is said.
    pub(super) fn clusters(&mut self, root: &Place<'_>, policies: &[Document]) {
        let discovery = root.field("dynamic_resources.cds_config");
        let file = discovery.field("path_config_source.path");
        if !discovery.value.is_null() && file.value.is_null() {
            return;
        }
        let fixed = root.list("static_resources.clusters");
        let mut defined: BTreeSet<String> = fixed.iter().map(name).collect();
        self.discovered(&file, |_, cluster| {
            defined.insert(name(cluster));
        });
        let place = root.field("static_resources.clusters");
        let models = policies.iter().flat_map(|policy| &policy.models);
        for (model, target) in
            models.flat_map(|model| model.targets.iter().map(move |t| (model, t)))
        {
            let needed = cluster_name(&target.upstreams, target.credential.as_deref());
            if defined.insert(needed.clone()) {
                let why = format!(
                    "target '{}' of model '{}' needs the cluster '{needed}': its requests get 503",
                    target.name, model.name
                );
                self.find(&place, &why, &format!("a cluster named '{needed}'"));
            }
        }
    }
}

fn name(cluster: &Place<'_>) -> String {
    cluster.field("name").text().to_owned()
}
