//! Damaged rule files end in diagnostics, never in a panic, and each can be printed.

use tollgate_policy::{Source, compile, render};

const RULES: &str = "\u{feff}# Zürich
models:
  chat: &chat
    aliases: [gpt-4o, 'o 1']
    context: 2048
    max_output: 4096
    created: 2027-13-01
    sticky: [{header: x-a}, team, {field: f}]
    allow: [stored_state]
    fim: {prefix: <p>, suffix: \"\", middle: 東京}
    price: free
    targets:
      stable: {weight: 0, upstreams: [a, a]}
  code: *chat
organizations:
  acme:
    models: [cht]
    teams:
      payments:
        keys:
          ci:
            hash: sha256:00
            expires: |
              2027-01-01
            cidrs: [10.0.0.1/8]\r
";

fn survives(text: String) {
    let sources = [Source {
        name: "rules.yaml".to_owned(),
        text,
    }];
    if let Err(errors) = compile(&sources) {
        let printed = render(&errors, &sources);
        assert_eq!(
            printed.matches("error: ").count(),
            errors.len(),
            "{printed}"
        );
        assert_eq!(
            printed.matches("--> rules.yaml:").count(),
            errors.len(),
            "{printed}"
        );
    }
}

#[test]
fn cut_anywhere() {
    for (at, _) in RULES.char_indices() {
        survives(RULES[..at].to_owned());
        survives(RULES[at..].to_owned());
    }
}

#[test]
fn anything_put_in_anywhere() {
    for piece in [
        "\0", "\t", "\n", "\"", "'", "{", "]", ": ", "- ", "*", "&", "!", "é", "\u{feff}",
        "\u{2028}", "? ",
    ] {
        for (at, _) in RULES.char_indices() {
            survives(format!("{}{piece}{}", &RULES[..at], &RULES[at..]));
        }
    }
}

#[test]
fn deep_nesting() {
    for open in ["[", "{a: ", "- ", "? ", "a:\n "] {
        survives(open.repeat(100_000));
        survives(format!("models: {}", open.repeat(100_000)));
    }
}
