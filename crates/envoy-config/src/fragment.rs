//! The fragment: what an existing Envoy needs, as commented YAML to merge by hand.

use crate::listener::Entrance;
use crate::options::Options;
use crate::requirements::{MANAGER, Requirement};
use crate::{bootstrap, listener, otlp, overload, stats};
use serde_json::{Map, Value, json};
use serde_saphyr::ser_options;

/// The contents of `fragment.yaml`.
pub(crate) fn fragment(options: &Options) -> String {
    let mut yaml = Yaml::default();
    yaml.comment("", INTRODUCTION);
    bootstrap_section(&mut yaml, options);
    manager_section(&mut yaml, options);
    yaml.section("route_config");
    yaml.field(
        "virtual_hosts",
        [listener::virtual_host(options)].into(),
        ROUTES,
    );
    yaml.text
}

fn bootstrap_section(yaml: &mut Yaml, options: &Options) {
    yaml.section("bootstrap");
    yaml.field("node", bootstrap::node(), "Any names will do.");
    yaml.field(
        "dynamic_resources",
        bootstrap::dynamic_resources(options),
        "One cluster for each list of upstreams and credential that a target uses.",
    );
    yaml.field(
        "stats_config",
        stats::stats_config(),
        "Labels of the module's metrics.",
    );
    yaml.field(
        "overload_manager",
        overload::overload_manager(options),
        "Request bodies are held until they are whole: Envoy's heap needs a bound.",
    );
    if let Some(collector) = &options.otlp {
        let clusters = json!({ "clusters": [otlp::cluster(collector, options)] });
        yaml.field("static_resources", clusters, "The OpenTelemetry collector.");
    }
}

/// Its fields with the reason for each.
fn manager_section(yaml: &mut Yaml, options: &Options) {
    yaml.section("connection_manager");
    let mut manager = listener::connection_manager(&Entrance::CLIENTS, options);
    for requirements in MANAGER.chunk_by(|one, next| top(one) == top(next)) {
        let reasons: Vec<String> = requirements
            .iter()
            .map(|requirement| format!("Otherwise {}.", requirement.why))
            .collect();
        let field = top(&requirements[0]);
        yaml.field(field, manager[field].take(), &reasons.join(" "));
    }
    if options.otlp.is_some() {
        yaml.field(
            "tracing",
            manager["tracing"].take(),
            "A span for each request: its trace begins here, a client's `traceparent` is removed \
             (early_header_mutation_extensions).",
        );
    }
    yaml.field("http_filters", manager["http_filters"].take(), FILTERS);
}

/// The field of the object itself that a requirement is about, or about a part of.
fn top(requirement: &Requirement) -> &'static str {
    let field = requirement.field;
    field.split_once('.').map_or(field, |(top, _)| top)
}

const INTRODUCTION: &str = "\
What an existing Envoy (1.38 or later) needs to load Tollgate's module. Merge each part into the \
object that its name says, then see what is still missing: tollgate envoy-config --check BOOTSTRAP. \
The files module.json, clusters.json and secret-*.json beside this one are complete. Envoy reads \
them where they are, and again when one is renamed into place (a policy edit: run the command \
again).";

const FILTERS: &str = "\
In this order: cors, jwt_authn, tollgate, ext_proc (an endpoint picker), router. Upstream \
credentials are added after all of them, by the clusters.";

const ROUTES: &str = "\
The module names the cluster. A request's body is held up to the limit here; only what no upstream \
can have taken is retried; an answer may take long (Envoy's default timeout is 15 s).";

/// Commented YAML under construction.
#[derive(Default)]
struct Yaml {
    text: String,
}

impl Yaml {
    fn section(&mut self, name: &str) {
        self.text.push_str(&format!("\n{name}:\n"));
    }

    fn field(&mut self, name: &str, value: Value, comment: &str) {
        self.comment("  ", comment);
        let object = Map::from_iter([(name.to_owned(), value)]);
        let plain = ser_options! { prefer_block_scalars: false };
        let yaml = serde_saphyr::to_string_with_options(&object, plain);
        // Values of ours have no cycles and no keys but strings: nothing that YAML lacks.
        for line in yaml.expect("JSON values are YAML values").lines() {
            self.text.push_str(&format!("  {line}\n"));
        }
    }

    fn comment(&mut self, indent: &str, comment: &str) {
        let mut line = format!("{indent}#");
        for word in comment.split(' ') {
            if line.len() + word.len() >= 100 {
                self.text.push_str(&format!("{line}\n"));
                line = format!("{indent}#");
            }
            line.push_str(&format!(" {word}"));
        }
        self.text.push_str(&format!("{line}\n"));
    }
}
