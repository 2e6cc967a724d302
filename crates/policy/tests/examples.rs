//! The rule files that ship.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tollgate_core::policy::Policy;
use tollgate_core::secret;
use tollgate_policy::{compile, load, render, to_json};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn policy() -> Policy {
    let sources = load(&repository().join("policies")).unwrap();
    let document =
        compile(&sources).unwrap_or_else(|errors| panic!("{}", render(&errors, &sources)));
    Policy::load(&to_json(&document)).unwrap()
}

/// `NAME=secret` lines.
fn secrets() -> BTreeMap<String, String> {
    let text = fs::read_to_string(repository().join("demo/example-keys.env")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, secret)| (name.to_owned(), secret.to_owned()))
        .collect()
}

#[test]
fn every_published_secret_is_that_of_the_key_it_is_named_after() {
    let policy = policy();
    let secrets = secrets();
    assert_eq!(secrets.len(), 6);
    for (name, secret) in secrets {
        let key = policy
            .key_by_hash(&secret::hash(secret.as_bytes()))
            .unwrap();
        let tenant = policy.tenant(key).unwrap();
        let expected = format!("TOLLGATE_KEY_{}_{}", tenant.team, tenant.key);
        assert_eq!(name, expected.to_uppercase().replace('-', "_"));
        assert!(!secret::is_damaged(secret.as_bytes()));
    }
}

#[test]
fn only_globex_may_use_the_preview() {
    let policy = policy();
    let preview = policy.model_by_name("research-preview").unwrap();
    let chat = policy.model_by_name("gpt-4o-mini").unwrap();
    for (name, may_use_preview) in [
        ("TOLLGATE_KEY_PAYMENTS_CI", false),
        ("TOLLGATE_KEY_PLATFORM_ADA", false),
        ("TOLLGATE_KEY_RESEARCH_NOTEBOOK", true),
    ] {
        let key = policy
            .key_by_hash(&secret::hash(secrets()[name].as_bytes()))
            .unwrap();
        assert_eq!(policy.may_use(key, preview), may_use_preview, "{name}");
        assert!(policy.may_use(key, chat), "{name}");
    }
}

#[test]
fn rule_files_hold_no_secret() {
    for source in load(&repository().join("policies")).unwrap() {
        assert!(!source.text.contains(secret::PREFIX), "{}", source.name);
    }
}
