//! Finding, reading and checking scenario files, and making tests of them.

mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ipnet::Ipv4Net;
use serde_json::{Map, Value};

use crate::scenario::{Exchange, Gateway, Meanwhile, Protocol, Scenario, Splits};

/// One scenario by one protocol.
#[derive(Clone, Debug)]
pub struct Test {
    /// `area/name/protocol` or `area/name/case/protocol`.
    pub name: String,
    /// The file it comes from.
    pub file: PathBuf,
    /// The promise.
    pub about: String,
    /// How the client speaks.
    pub protocol: Protocol,
    /// Which gateway it is for.
    pub gateway: Gateway,
    /// The network that the client connects from.
    pub from: Option<Ipv4Net>,
    /// Other clients.
    pub meanwhile: Option<Meanwhile>,
    /// At least one.
    pub exchanges: Vec<Exchange>,
}

impl Test {
    /// Whether it looks at metrics.
    pub fn measures(&self) -> bool {
        self.exchanges.iter().any(|e| !e.expect.metrics.is_empty())
    }

    /// Whether others would disturb it, or it them.
    pub fn runs_alone(&self) -> bool {
        self.measures() || self.meanwhile.is_some()
    }
}

/// The tests of every `*.yaml` below a folder, sorted by name.
pub fn read(folder: &Path) -> Result<Vec<Test>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let mut tests = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let relative = file.strip_prefix(folder)?.with_extension("");
        let name = relative.to_string_lossy().replace('\\', "/");
        tests.extend(parse(&name, &text).with_context(|| file.display().to_string())?);
        for test in &mut tests {
            if test.file.as_os_str().is_empty() {
                test.file.clone_from(&file);
            }
        }
    }
    Ok(tests)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}

/// The tests of one file.
pub fn parse(name: &str, text: &str) -> Result<Vec<Test>> {
    // YAML 1.2 alone: `y`, `no` and `on` are texts.
    let options = serde_saphyr::options! { strict_booleans: true };
    let mut document: Value = serde_saphyr::from_str_with_options(text, options)?;
    let cases = match document
        .as_object_mut()
        .and_then(|file| file.remove("cases"))
    {
        Some(Value::Object(cases)) if !cases.is_empty() => cases,
        Some(_) => bail!("`cases` must be a map from a case's name to what it changes"),
        None => Map::from_iter([(String::new(), Value::Null)]),
    };
    let mut tests = Vec::new();
    for (case, patch) in cases {
        let mut merged = document.clone();
        let name = match case.is_empty() {
            true => name.to_owned(),
            false => format!("{name}/{case}"),
        };
        if !patch.is_null() {
            merge(&mut merged, patch);
        }
        let scenario: Scenario = serde_path_to_error::deserialize(merged)
            .with_context(|| format!("scenario {name} at"))?;
        let scenario_tests =
            tests_of(&name, scenario).with_context(|| format!("scenario {name}"))?;
        tests.extend(scenario_tests);
    }
    Ok(tests)
}

/// JSON Merge Patch (RFC 7396): maps are merged, `null` removes, anything else replaces.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(members) = target.as_object_mut() else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

fn tests_of(name: &str, scenario: Scenario) -> Result<Vec<Test>> {
    let mut exchanges = vec![Exchange {
        new_connection: false,
        request: scenario.request,
        upstream: scenario.upstream,
        expect: scenario.expect,
    }];
    exchanges.extend(scenario.then);
    for (i, exchange) in exchanges.iter().enumerate() {
        rules::check(exchange, &scenario.protocols).with_context(|| format!("exchange {i}"))?;
    }
    let exchanges: Vec<_> = exchanges.into_iter().flat_map(everywhere).collect();
    let test = |protocol: &Protocol| Test {
        name: format!("{name}/{}", protocol.name()),
        file: PathBuf::new(),
        about: scenario.about.clone(),
        protocol: *protocol,
        gateway: scenario.gateway,
        from: scenario.from,
        meanwhile: scenario.meanwhile.clone(),
        exchanges: exchanges.clone(),
    };
    Ok(scenario.protocols.iter().map(test).collect())
}

/// An exchange once for each place where its answer can be cut in two.
fn everywhere(exchange: Exchange) -> Vec<Exchange> {
    match &exchange.upstream {
        Some(answer) if answer.splits == Splits::Everywhere => {
            let cuts = 1..answer.bytes().len();
            let at = |cut| {
                let mut exchange = exchange.clone();
                if let Some(answer) = &mut exchange.upstream {
                    answer.splits = Splits::At(vec![cut]);
                }
                exchange
            };
            cuts.map(at).collect()
        }
        _ => vec![exchange],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "
about: a test
request: {path: /}
expect: {client: {status: 404}}
";

    #[test]
    fn a_file_becomes_a_test_for_each_protocol() {
        let names: Vec<_> = parse("a/b", MINIMAL)
            .unwrap()
            .into_iter()
            .map(|t| t.name)
            .collect();
        assert_eq!(names, ["a/b/h1", "a/b/h2"]);
    }

    #[test]
    fn cases_are_merged_onto_the_file() {
        let text = format!(
            "{MINIMAL}cases:\n  one: {{request: {{path: /one}}}}\n  two: {{protocols: [h1], from: 127.9.0.0/16}}\n"
        );
        let tests = parse("a/b", &text).unwrap();
        let shown: Vec<_> = tests
            .iter()
            .map(|t| {
                (
                    t.name.as_str(),
                    t.exchanges[0].request.path.as_str(),
                    t.from.is_some(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("a/b/one/h1", "/one", false),
                ("a/b/one/h2", "/one", false),
                ("a/b/two/h1", "/", true)
            ]
        );
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, message) in [
            (
                "about: x\nrequest: {path: /, headrs: {}}\nexpect: {client: {status: 200}}",
                "scenario a at: request.headrs: unknown field `headrs`",
            ),
            (
                "about: x\nrequest: {path: /}\nexpect: {client: {}}",
                "scenario a: exchange 0: `expect.client` needs a `status`",
            ),
            (
                "about: x\nrequest: {raw: x}\nexpect: {client: {status: 400}}",
                "scenario a: exchange 0: `raw` is HTTP/1.1: say `protocols: [h1]`",
            ),
            (
                "about: x\nrequest: {path: /, headers: {a: 1}}\nexpect: {client: {status: 400}}",
                "scenario a at: request.headers.a: invalid type: integer `1`, expected a header value (a string; quote numbers) or a list of them",
            ),
        ] {
            let shown = format!("{:#}", parse("a", text).unwrap_err());
            assert!(shown.starts_with(message), "{shown}");
        }
    }

    #[test]
    fn everywhere_repeats_the_exchange_for_each_cut() {
        let text = "
about: x
request: {path: /}
upstream: {body: [{text: abcd}], splits: everywhere}
expect: {client: {status: 200}}
";
        let tests = parse("a", text).unwrap();
        let cuts: Vec<_> = tests[0]
            .exchanges
            .iter()
            .map(|e| e.upstream.as_ref().unwrap().pieces().len())
            .collect();
        assert_eq!(cuts, [2, 2, 2]);
    }
}
