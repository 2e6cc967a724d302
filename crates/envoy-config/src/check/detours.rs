//! Ways to the targets' clusters that do not lead through the module.

use super::{Check, Finding, Remedy};
use crate::CLUSTER_HEADER;
use crate::place::Place;
use std::collections::BTreeSet;
use tollgate_core::document::{Document, cluster_name};

/// A place past which requests go that have not met the module. Whether they reach a target is
/// known when every policy was read.
pub(super) struct Detour {
    file: String,
    path: String,
    /// Whether the module would be there, but for this.
    switch: bool,
    clusters: Vec<Cluster>,
}

/// Where a route goes.
enum Cluster {
    Named(String),
    /// By the header of this name: it may be any.
    OfHeader(String),
}

impl Check<'_> {
    /// Notes every way out of a part of the configuration that does not have the module.
    pub(super) fn unguarded(&mut self, part: &Place<'_>) {
        for (place, cluster) in ways(part) {
            self.detour(&place, false, vec![cluster]);
        }
    }

    /// Notes where a part leads whose requests do not meet the module, because of `switch`.
    pub(super) fn switched_off(&mut self, switch: &Place<'_>, part: &Place<'_>) {
        if answers_itself(part) {
            return;
        }
        let mut found = ways(part);
        if part.field("weight").is_set() {
            found.push(weighted(part));
        }
        let clusters = found.into_iter().map(|(_, cluster)| cluster);
        self.detour(switch, true, clusters.collect());
    }

    fn detour(&mut self, place: &Place<'_>, switch: bool, clusters: Vec<Cluster>) {
        self.detours.push(Detour {
            file: place.file.to_owned(),
            path: place.path.clone(),
            switch,
            clusters,
        });
    }

    /// Those detours that lead to a target are mistakes. One that leads elsewhere is its
    /// operator's to judge if it was made on purpose: an Envoy may serve more than Tollgate's.
    pub(super) fn detours(&mut self, policies: &[Document]) {
        let models = policies.iter().flat_map(|policy| &policy.models);
        let targets = models.flat_map(|model| &model.targets);
        let ours =
            targets.map(|target| cluster_name(&target.upstreams, target.credential.as_deref()));
        let ours: BTreeSet<String> = ours.collect();
        for detour in std::mem::take(&mut self.detours) {
            self.findings.extend(detour.finding(&ours));
        }
    }
}

impl Detour {
    fn finding(self, ours: &BTreeSet<String>) -> Option<Finding> {
        let reached = self.clusters.iter().find_map(|cluster| match cluster {
            Cluster::Named(name) => ours.contains(name).then(|| format!("'{name}'")),
            Cluster::OfHeader(header) => header
                .eq_ignore_ascii_case(CLUSTER_HEADER)
                .then(|| "whichever cluster their sender names".to_owned()),
        });
        let of_header = |cluster: &Cluster| matches!(cluster, Cluster::OfHeader(_));
        let (why, remedy) = if let Some(cluster) = reached {
            let why =
                format!("requests would reach {cluster} past the module: unmetered, with no key");
            let line = if self.switch {
                "what switches the filter off"
            } else {
                "this, or put the filter 'tollgate' in front of it"
            };
            (why, Remedy::Remove(line.to_owned()))
        } else if self.clusters.iter().any(of_header) {
            let why = "requests pass the module by here: right only if no client can set this \
                       header";
            (why.to_owned(), Remedy::Judge)
        } else if self.switch {
            let why = "requests pass the module by here: right only if this leads to no model's \
                       server";
            (why.to_owned(), Remedy::Judge)
        } else {
            return None;
        };
        Some(Finding {
            file: self.file,
            path: self.path,
            why,
            remedy,
        })
    }
}

/// Whether a route, or every route of a virtual host, is answered by Envoy and leads nowhere.
fn answers_itself(part: &Place<'_>) -> bool {
    let answered = |route: &Place<'_>| {
        ["direct_response", "redirect"]
            .iter()
            .any(|action| route.field(action).is_set())
    };
    let routes = part.list("routes");
    answered(part) || !routes.is_empty() && routes.iter().all(answered)
}

/// The clusters that a part names, each with its place.
fn ways<'a>(part: &Place<'a>) -> Vec<(Place<'a>, Cluster)> {
    let mut found = Vec::new();
    for (name, field) in part.fields() {
        match name {
            "cluster" if field.value.is_string() => found.push(named(field)),
            "cluster_header" | "clusterHeader" => found.push(of_header(field)),
            "weighted_clusters" | "weightedClusters" => {
                let clusters = field.list("clusters");
                found.extend(clusters.iter().map(weighted));
            }
            _ => found.extend(ways(&field)),
        }
    }
    for element in part.items() {
        found.extend(ways(&element));
    }
    found
}

fn weighted<'a>(cluster: &Place<'a>) -> (Place<'a>, Cluster) {
    let header = cluster.field("cluster_header");
    if header.is_set() {
        of_header(header)
    } else {
        named(cluster.field("name"))
    }
}

fn named(place: Place<'_>) -> (Place<'_>, Cluster) {
    let name = place.text().to_owned();
    (place, Cluster::Named(name))
}

fn of_header(place: Place<'_>) -> (Place<'_>, Cluster) {
    let name = place.text().to_owned();
    (place, Cluster::OfHeader(name))
}
