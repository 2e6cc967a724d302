//! What rule files compile to.

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tollgate_core::document::{Document, Sticky};
use tollgate_core::policy::Policy;
use tollgate_policy::{Source, compile, render, to_json};

const HASH: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

fn document(text: &str) -> Document {
    let sources = [source("rules.yaml", text)];
    compile(&sources).unwrap_or_else(|errors| panic!("{}", render(&errors, &sources)))
}

fn strings(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn what_is_left_out_has_its_default() {
    let document = document("models: {chat: {price: free, targets: {stable: {}}}}");
    let [model] = document.models.as_slice() else {
        panic!()
    };
    let [target] = model.targets.as_slice() else {
        panic!()
    };
    assert_eq!((target.model.as_str(), target.weight), ("chat", 1));
    assert_eq!(target.upstreams, ["default"]);
    assert_eq!(
        (model.created, model.context, model.max_output),
        (0, None, None)
    );
}

#[test]
fn what_a_start_takes_is_told_in_seconds() {
    for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7200), ("24h", 86_400)] {
        let rules = format!(
            "models: {{chat: {{price: free, targets: {{stable: {{cold_start: {text}}}}}}}}}"
        );
        let target = document(&rules).models[0].targets[0].cold_start;
        assert_eq!(target.map(|time| time.get()), Some(seconds), "{text}");
    }
}

#[test]
fn what_a_model_adds_to_prompts() {
    let document = document(
        "models: {chat: {price: free, targets: {stable: {}}, template_tokens: 0, image_tokens: 1, \
         tool_tokens: 2}}",
    );
    let [model] = document.models.as_slice() else {
        panic!()
    };
    assert_eq!(
        (model.template_tokens, model.image_tokens, model.tool_tokens),
        (Some(0), Some(1), Some(2))
    );
}

#[test]
fn values_are_written_in_one_spelling() {
    let document = document(&format!(
        "models:
  chat:
    created: 2027-01-01
    sticky: [{{header: X-Session-ID}}, organization]
    price: free
    targets: {{stable: {{}}}}
organizations:
  acme:
    teams:
      payments:
        keys:
          ci:
            hash: {HASH}
            expires: 2027-01-01T01:00:00+01:00
            cidrs: ['2001:DB8::/32', 10.0.0.0/8]
",
    ));
    let (model, key) = (&document.models[0], &document.keys[0]);
    assert_eq!(model.created, 1_798_761_600);
    assert_eq!(
        model.sticky,
        [
            Sticky::Header("x-session-id".to_owned()),
            Sticky::Organization
        ]
    );
    assert_eq!(key.expires, Some(1_798_761_600));
    assert_eq!(key.cidrs, ["10.0.0.0/8", "2001:db8::/32"]);
    assert_eq!(key.hash, "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8");
    assert_eq!(
        (key.team.as_str(), key.name.as_str()),
        ("acme/payments", "ci")
    );
}

#[test]
fn lists_of_models_narrow_downwards_and_hold_own_names() {
    let document = document(&format!(
        "models:
  a: {{aliases: [alpha], price: free, targets: {{stable: {{}}}}}}
  b: {{price: free, targets: {{stable: {{}}}}}}
  c: {{price: free, targets: {{stable: {{}}}}}}
organizations:
  free:
    teams:
      all: {{}}
      some: {{models: [c, alpha]}}
  held:
    models: [b, alpha]
    teams:
      inherits: {{keys: {{plain: {{hash: {HASH}}}}}}}
      narrows: {{models: [c, b]}}
      key:
        keys:
          own: {{hash: '{}', models: [c, a]}}
",
        HASH.replace("0123", "4567"),
    ));
    let teams: Vec<_> = document
        .teams
        .iter()
        .map(|team| (&*team.name, team.models.clone()))
        .collect();
    assert_eq!(
        teams,
        [
            ("all", None),
            ("some", strings(&["a", "c"])),
            ("inherits", strings(&["a", "b"])),
            ("key", strings(&["a", "b"])),
            ("narrows", strings(&["b"])),
        ]
    );
    let keys: Vec<_> = document
        .keys
        .iter()
        .map(|key| (&*key.name, key.models.clone()))
        .collect();
    assert_eq!(keys, [("plain", None), ("own", strings(&["a"]))]);
}

#[test]
fn names_and_dates_are_text_as_written() {
    let names = ["no", "1.10", "0x10", "2026-01-01", "1e3", "true"];
    let lines: String = names
        .iter()
        .map(|name| format!("  {name}: {{price: free, targets: {{stable: {{}}}}}}\n"))
        .collect();
    let rules = format!(
        "models:\n{lines}organizations: {{acme: {{models: [{}]}}}}",
        names.join(", ")
    );
    let document = document(&rules);
    let mut sorted = names;
    sorted.sort_unstable();
    let models: Vec<_> = document.models.iter().map(|model| &*model.name).collect();
    assert_eq!(models, sorted);
}

#[test]
fn comments_only_are_an_empty_file() {
    let sources = [source("a.yaml", "# nothing yet\n"), source("b.yaml", "")];
    assert!(compile(&sources).is_ok());
}

#[test]
fn anchors_work() {
    let rules = "models:
  a: &served {price: free, targets: {stable: {model: big}}}
  b: *served
organizations:
  acme: {models: &list [a, b]}
  globex: {models: *list}
";
    assert_eq!(document(rules).models[1].targets[0].model, "big");
}

#[test]
fn aliases_cannot_multiply_without_bound() {
    let list = vec!["x"; 1_000].join(", ");
    let teams: String = (0..1_000)
        .map(|i| format!("      t{i}: {{models: *list}}\n"))
        .collect();
    let rules = format!("organizations:\n  acme:\n    models: &list [{list}]\n    teams:\n{teams}");
    let errors = compile(&[source("bomb.yaml", &rules)]).unwrap_err();
    assert_eq!(
        errors[0].message,
        "aliases stand for more than 1000000 values in this file"
    );

    let aliases = vec!["*x"; 10_001].join(", ");
    let rules = format!("models:\n  a:\n    aliases: [&x b, {aliases}]\n");
    let errors = compile(&[source("bomb.yaml", &rules)]).unwrap_err();
    assert_eq!(errors[0].message, "more than 10000 aliases in this file");
}

#[test]
fn the_version_is_the_hash_of_the_rules_and_of_nothing_else() {
    let rules = "models: {chat: {price: free, targets: {stable: {}}}}";
    let mut first = document(rules);
    assert_eq!(document(&format!("# a comment\n{rules}")), first);
    assert_ne!(
        document(&rules.replace("chat", "code")).version,
        first.version
    );

    let version = std::mem::take(&mut first.version);
    let digest = Sha256::digest(to_json(&first));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(version, hex[..16]);
}

/// Rules as pieces that may stand in any order: files, of models and organizations, of teams and
/// aliases, of keys.
const MODELS: [&str; 4] = [
    "  a: {aliases: [x, y, z], allow: [stored_state, hosted_tools], price: free, targets: {s: {}, c: {}}}\n",
    "  a: {aliases: [z, x, y], allow: [hosted_tools, stored_state], price: free, targets: {c: {}, s: {}}}\n",
    "  b: {context: 5, price: free, targets: {s: {}}}\n",
    "  c: {price: free, targets: {s: {weight: 3}}}\n",
];

fn organization(name: &str, teams: &[usize], keys: &[usize]) -> String {
    let mut text = format!("organizations:\n  {name}:\n    models: [c, x, b]\n    teams:\n");
    for team in teams {
        text += &format!("      team-{team}:\n        keys:\n");
        for key in keys {
            let byte = if name == "acme" { 16 } else { 32 } + team * 4 + key;
            let hash = format!("{byte:02x}").repeat(32);
            text += &format!("          key-{key}: {{hash: 'sha256:{hash}', models: [b, z]}}\n");
        }
    }
    text
}

proptest! {
    #[test]
    fn order_does_not_matter(
        models in Just(vec![0, 2, 3]).prop_shuffle(),
        respelled in any::<bool>(),
        teams in Just(vec![0, 1, 2]).prop_shuffle(),
        keys in Just(vec![0, 1, 2]).prop_shuffle(),
        files in Just(vec![0, 1, 2]).prop_shuffle(),
    ) {
        let compile_to_bytes = |models: &[usize], teams: &[usize], keys: &[usize], files: &[usize]| {
            let models: String = models.iter().map(|model| MODELS[*model]).collect();
            let texts = [
                format!("models:\n{models}"),
                organization("acme", teams, keys),
                organization("globex", teams, keys),
            ];
            let sources: Vec<_> =
                files.iter().map(|file| source(&format!("{file}.yaml"), &texts[*file])).collect();
            let document = compile(&sources)
                .unwrap_or_else(|errors| panic!("{}", render(&errors, &sources)));
            to_json(&document)
        };
        let models: Vec<_> =
            models.into_iter().map(|m| if m == 0 && respelled { 1 } else { m }).collect();
        let expected = compile_to_bytes(&[0, 2, 3], &[0, 1, 2], &[0, 1, 2], &[0, 1, 2]);
        prop_assert_eq!(&compile_to_bytes(&models, &teams, &keys, &files), &expected);
        prop_assert!(Policy::load(&expected).is_ok());
    }
}
