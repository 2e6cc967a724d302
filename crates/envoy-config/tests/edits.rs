//! What a policy edit leaves in place.

mod common;

use common::{document, listeners, options};
use serde_json::Value;
use tollgate_core::document::Document;
use tollgate_envoy_config::{CLUSTERS_FILE, generate};

#[test]
fn clusters_outlive_the_policy_that_named_them_by_one_edit() {
    let first = document();
    let without_pool = edited(&first, "1", |name| name != "pool");
    let without_canary = edited(&without_pool, "2", |name| name != "canary");

    let before = clusters(&first, None);
    assert_eq!(names(&before), ["east", "east+cloud@pool-key", "name"]);
    let after = clusters(&without_pool, Some(&before));
    assert_eq!(names(&after), ["east", "name", "east+cloud@pool-key"]);
    assert_eq!(
        clusters(&without_pool, Some(&after)),
        after,
        "a repeated run changes nothing"
    );
    let later = clusters(&without_canary, Some(&after));
    assert_eq!(names(&later), ["east", "name"]);
    let back = clusters(&first, Some(&after));
    assert_eq!(names(&back), ["east", "east+cloud@pool-key", "name"]);
}

#[test]
fn a_file_of_another_kind_is_replaced() {
    let fresh = clusters(&document(), None);
    for other in ["", "resources: []", "[]", r#"{"resources": [1]}"#] {
        assert_eq!(clusters(&document(), Some(other)), fresh);
    }
}

fn edited(document: &Document, version: &str, keep: impl Fn(&str) -> bool) -> Document {
    let mut document = document.clone();
    document.version = version.into();
    document.models[0]
        .targets
        .retain(|target| keep(&target.name));
    document
}

/// The discovery file for a policy that replaces another.
fn clusters(document: &Document, previous: Option<&str>) -> String {
    let mut options = options();
    options.previous_clusters = previous.map(Into::into);
    let files = generate(document, &listeners(), &options).unwrap();
    files
        .into_iter()
        .find(|file| file.name == CLUSTERS_FILE)
        .unwrap()
        .contents
}

fn names(clusters: &str) -> Vec<String> {
    let file: Value = serde_json::from_str(clusters).unwrap();
    let names = file["resources"].as_array().unwrap().iter();
    names
        .map(|cluster| cluster["name"].as_str().unwrap().to_owned())
        .collect()
}
