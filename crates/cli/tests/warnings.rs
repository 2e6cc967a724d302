//! What is allowed in rule files and probably not meant.

mod common;

use common::{folder, path, stderr, tollgate};

#[test]
fn limits_that_a_restart_forgets_are_warned_of() {
    let rules = "models: {chat: {price: free, targets: {stable: {}}}}
organizations:
  acme:
    limits:
      - {requests: 10, per: minute}
      - {requests: 100, per: day}
      - {budget: 5, per: month}
";
    let folder = folder(rules);
    let (rules, file) = (path(&folder, "policies"), path(&folder, "policy.json"));
    let output = tollgate(&["policy", "render", &rules, "-o", &file]);
    assert_eq!(output.status.code(), Some(0));
    let warning = |line: u32, rule: &str| {
        format!(
            "warning: {rules}/rules.yaml:{line}: organization:acme:{rule} is counted by each Envoy \
             for itself, and anew after its restart: there is no ledger\n"
        )
    };
    let expected = warning(7, "budget/month") + &warning(6, "requests/day");
    assert_eq!(stderr(&output), expected);
}

#[test]
fn hosted_tools_that_a_limit_refuses_are_warned_of() {
    let rules = "models:
  search: {price: free, allow: [hosted_tools], targets: {stable: {}}}
  chat: {price: free, targets: {stable: {}}}
organizations:
  acme:
    limits:
      - {tokens: 10, per: minute, admit: worst-case, mode: shadow}
      - {tokens: 100, per: hour, admit: worst-case}
";
    let folder = folder(rules);
    let rules = path(&folder, "policies");
    let output = tollgate(&["policy", "check", &rules]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stderr(&output),
        format!(
            "warning: {rules}/rules.yaml:8: organization:acme:tokens/hour admits only the worst \
             case, which hosted tools have none of: under it they are refused, though the model \
             `search` allows them\n"
        )
    );
}

#[test]
fn rules_that_do_not_do_what_they_seem_to_are_warned_of() {
    let rules = "models: {chat: {context: 8192, targets: {stable: {}}}}
prices:
  version: v1
  models:
    chat:
    - per_million_tokens: {input: 1, cached: 1.5}
      above: {200: {input: 2}, 200k: {input: 3}}
organizations:
  acme:
    limits:
      - {budget: 5, per: month, raises: {once: {amount: 1, until: 2026-01-01}, later: {amount: 1, until: 2999-01-01}}}
";
    let folder = folder(rules);
    let rules = path(&folder, "policies");
    let output = tollgate(&["policy", "check", &rules]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let warning = |what: &str| format!("warning: {what}\n");
    assert_eq!(
        stderr(&output),
        [
            format!(
                "{rules}/rules.yaml:11: organization:acme:budget/month has the raise `once`, whose \
                 time is over: remove it"
            ),
            "the model `chat` takes more for cached tokens than for new ones".to_owned(),
            "the model `chat` has prices for prompts above 200 tokens, which most are; is it 200k?"
                .to_owned(),
            "the model `chat` has prices for prompts above 200000 tokens, and none is longer than \
             its context of 8192"
                .to_owned(),
        ]
        .map(|what| warning(&what))
        .concat()
    );
}

#[test]
fn prices_that_are_probably_not_meant_are_warned_of() {
    for (prices, what) in [
        (
            "{per_million_tokens: {input: 0, output: 0}}",
            "has prices that charge nothing: `price: free` says so",
        ),
        (
            "{per_request: 1, discount: 100}",
            "has prices that charge nothing: `price: free` says so",
        ),
        (
            "{per_million_tokens: {input: 0.0000025, output: 0.00001}}",
            "takes less than a hundredth of a cent for a million tokens: is that the price of one?",
        ),
        (
            "{per_request: 1, discount: 0.95}",
            "has a discount of less than one per cent: is it a fraction?",
        ),
    ] {
        let rules = format!(
            "models: {{chat: {{targets: {{stable: {{}}}}}}}}
prices: {{version: v1, models: {{chat: [{prices}]}}}}
"
        );
        let folder = folder(&rules);
        let output = tollgate(&["policy", "check", &path(&folder, "policies")]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(
            stderr(&output),
            format!("warning: the model `chat` {what}\n")
        );
    }
}
