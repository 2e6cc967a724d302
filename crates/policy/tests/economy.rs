//! What limits, prices and time zones compile to.

use tollgate_core::document::{Document, Limit, Measure, Mode, Overrun, Per, Price, Raise, Tier};
use tollgate_core::policy::Policy;
use tollgate_policy::{Source, compile, render, to_json};

fn sources(text: &str) -> [Source; 1] {
    [Source {
        name: "rules.yaml".to_owned(),
        text: text.to_owned(),
    }]
}

fn document(text: &str) -> Document {
    let sources = sources(text);
    let document =
        compile(&sources).unwrap_or_else(|errors| panic!("{}", render(&errors, &sources)));
    Policy::load(&to_json(&document)).unwrap();
    document
}

const MODEL: &str = "models: {chat: {price: free, targets: {stable: {}}}}\n";

fn limits(account: &str) -> Vec<Limit> {
    let text = format!("{MODEL}organizations:\n  acme:\n    limits:\n{account}");
    document(&text).organizations.remove(0).limits
}

fn limit(rule: &str, measure: Measure, amount: &str, per: Option<Per>) -> Limit {
    Limit {
        rule: rule.to_owned(),
        measure,
        amount: amount.to_owned(),
        per,
        burst: None,
        zone: None,
        mode: Mode::Enforce,
        worst_case: false,
        on_overrun: Overrun::Finish,
        fallback: None,
        message: None,
        hidden: false,
        raises: Vec::new(),
    }
}

#[test]
fn every_kind_of_limit() {
    let found = limits(
        "    - {requests: 60, per: minute, burst: 10}
    - {tokens: 2M, per: day, zone: Europe/Berlin}
    - {prompt_tokens: 200k, per: hour}
    - {completion_tokens: 5000, per: second, mode: shadow}
    - {concurrency: 8}
    - {max_output: 4k}
    - {budget: '50.00', per: month, admit: worst-case, on_overrun: cut}
",
    );
    let organization = |rest: &str| format!("organization:acme:{rest}");
    let mut requests = limit("", Measure::Requests, "60", Some(Per::Minute));
    requests.rule = organization("requests/minute");
    requests.burst = Some(10);
    let mut tokens = limit("", Measure::Tokens, "2000000", Some(Per::Day));
    tokens.rule = organization("tokens/day@Europe/Berlin");
    tokens.zone = Some("Europe/Berlin".to_owned());
    let mut prompt = limit("", Measure::PromptTokens, "200000", Some(Per::Hour));
    prompt.rule = organization("prompt_tokens/hour");
    let mut completion = limit("", Measure::CompletionTokens, "5000", Some(Per::Second));
    completion.rule = organization("completion_tokens/second:shadow");
    completion.mode = Mode::Shadow;
    let concurrency = limit("", Measure::Concurrency, "8", None);
    let output = limit("", Measure::MaxOutput, "4000", None);
    let mut budget = limit("", Measure::Budget, "50", Some(Per::Month));
    budget.rule = organization("budget/month");
    budget.worst_case = true;
    budget.on_overrun = Overrun::Cut;
    let concurrency = Limit {
        rule: organization("concurrency"),
        ..concurrency
    };
    let output = Limit {
        rule: organization("max_output"),
        ..output
    };
    // By name.
    assert_eq!(
        found,
        [
            budget,
            completion,
            concurrency,
            output,
            prompt,
            requests,
            tokens
        ]
    );
}

#[test]
fn raises_fall_back_and_speak() {
    let found = limits(
        "    - budget: 10
      per: ever
      mode: shadow
      fallback: chat
      message: 'ask in #ai'
      amounts: hidden
      raises:
        later: {amount: 2.5, until: 2027-02-01}
        sooner: {amount: 1, until: 2027-01-01}
",
    );
    let mut expected = limit(
        "organization:acme:budget/ever:shadow",
        Measure::Budget,
        "10",
        Some(Per::Ever),
    );
    expected.mode = Mode::Shadow;
    expected.fallback = Some("chat".to_owned());
    expected.message = Some("ask in #ai".to_owned());
    expected.hidden = true;
    let raise = |name: &str, amount: &str, until| Raise {
        name: name.to_owned(),
        amount: amount.to_owned(),
        until,
    };
    expected.raises = vec![
        raise("sooner", "1", 1_798_761_600),
        raise("later", "2.5", 1_801_440_000),
    ];
    assert_eq!(found, [expected]);
}

#[test]
fn each_account_has_its_own() {
    let document = document(
        "models: {chat: {price: free, limits: [{concurrency: 1}], targets: {stable: {}}}}
organizations:
  acme:
    teams:
      payments:
        limits: [{concurrency: 2}]
        keys:
          ci:
            hash: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
            limits: [{concurrency: 3}]
",
    );
    let rule = |limits: &[Limit]| limits[0].rule.clone();
    assert_eq!(rule(&document.models[0].limits), "model:chat:concurrency");
    let team = rule(&document.teams[0].limits);
    assert_eq!(team, "team:acme/payments:concurrency");
    let key = rule(&document.keys[0].limits);
    assert_eq!(key, "key:acme/payments/ci:concurrency");
    assert_eq!(document.sources["model:chat:concurrency"], "rules.yaml:1");
    assert_eq!(document.sources[&team], "rules.yaml:6");
    assert_eq!(document.sources[&key], "rules.yaml:10");
}

#[test]
fn where_a_rule_stands_is_no_part_of_the_rules() {
    let rules = "organizations: {acme: {limits: [{concurrency: 1}]}}";
    let a = document(&format!("{MODEL}{rules}"));
    let b = document(&format!("{MODEL}\n\n{rules}"));
    assert_ne!(a.sources, b.sources);
    assert_eq!(a.version, b.version);
}

#[test]
fn prices() {
    let document = document(
        "models:
  chat: {aliases: [gpt], targets: {stable: {}}}
prices:
  version: 2026-11
  models:
    gpt:
    - per_million_tokens: {input: 1.250, cached: 0.125, output: 10}
      above:
        200k: {input: 2.5}
        1M: {input: 5, output: 20}
      discount: 12.5
    - from: 2027-01-01
      per_request: 0.01
      per_image: 0.002
      per_second: 0.0001
",
    );
    let tokens = |prices: &[(&str, &str)]| {
        let prices = prices.iter();
        prices
            .map(|(kind, price)| ((*kind).to_owned(), (*price).to_owned()))
            .collect()
    };
    assert_eq!(document.prices.unwrap().version, "2026-11");
    let first = Price {
        tokens: tokens(&[("cached", "0.125"), ("input", "1.25"), ("output", "10")]),
        above: vec![
            Tier {
                above: 200_000,
                tokens: tokens(&[("input", "2.5")]),
            },
            Tier {
                above: 1_000_000,
                tokens: tokens(&[("input", "5"), ("output", "20")]),
            },
        ],
        discount: 1250,
        ..Price::default()
    };
    let second = Price {
        from: 1_798_761_600,
        request: Some("0.01".to_owned()),
        image: Some("0.002".to_owned()),
        second: Some("0.0001".to_owned()),
        ..Price::default()
    };
    assert_eq!(document.models[0].prices, [first, second]);
}

#[test]
fn zones_come_with_their_transitions_and_the_version_of_the_database() {
    let text = format!(
        "{MODEL}organizations:
  acme:
    limits:
    - {{budget: 1, per: day, zone: europe/berlin}}
    - {{budget: 1, per: week, zone: UTC}}
    - {{budget: 1, per: hour, zone: Asia/Kolkata}}
"
    );
    let document = document(&text);
    let names: Vec<_> = document.zones.iter().map(|zone| &*zone.name).collect();
    assert_eq!(names, ["Asia/Kolkata", "Europe/Berlin"]);
    let [kolkata, berlin] = document.zones.as_slice() else {
        panic!("two zones")
    };
    assert_eq!((kolkata.first, kolkata.transitions.len()), (19_800, 0));
    assert_eq!(berlin.first, 3_600);
    // Two a year, 2020 to 2060.
    assert_eq!(berlin.transitions.len(), 82);
    assert!(berlin.transitions.contains(&(1_774_746_000, 7_200)));
    assert!(berlin.tzdb.starts_with("20"));
}
