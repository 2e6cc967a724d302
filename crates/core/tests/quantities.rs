//! Reports as the APIs document them, and the kinds that they are charged as.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_core::api::Dialect;
use tollgate_core::price::Quantities;
use tollgate_core::response::usage::Usage;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    what: String,
    report: Box<RawValue>,
    /// Kinds that are not named are 0.
    quantities: BTreeMap<String, u64>,
}

fn check(table: &str, dialect: Dialect) {
    let cases: Vec<Case> = serde_json::from_str(table).unwrap();
    for case in cases {
        let usage = Usage::parse(case.report.get().as_bytes());
        let kinds = Quantities::of(&usage, dialect);
        let found: BTreeMap<String, u64> = kinds
            .kinds()
            .filter(|&(_, count)| count > 0)
            .map(|(kind, count)| (kind.name().to_owned(), count))
            .collect();
        assert_eq!(found, case.quantities, "{}", case.what);
    }
}

#[test]
fn openai() {
    check(include_str!("usage/openai.json"), Dialect::OpenAi);
}

#[test]
fn anthropic() {
    check(include_str!("usage/anthropic.json"), Dialect::Anthropic);
}
