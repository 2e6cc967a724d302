//! The search for secrets, when all tests have run: none may be anywhere but where it belongs.

use std::collections::BTreeSet;
use std::fs;

use crate::upstream::Upstream;
use anyhow::{Context, Result};

use super::admin::get;
use super::process::Envoy;

/// How every secret of the scenarios begins: virtual keys that clients send…
const KEY_MARKS: [&str; 2] = ["sk-test-", "sk-tollgate-"];
/// …upstream credentials, which belong into upstream requests alone…
const CREDENTIAL_MARK: &str = "upstream-secret-";
/// …and prompts, which belong into upstream requests alone as well.
const PROMPT_MARK: &str = "prompt-secret-";

/// One line for each place where a secret was found.
pub fn secrets(envoy: &Envoy, upstream: &Upstream) -> Result<Vec<String>> {
    let everywhere = || KEY_MARKS.into_iter().chain([CREDENTIAL_MARK, PROMPT_MARK]);
    let mut problems = Vec::new();
    for file in [envoy.log(), envoy.access_log()] {
        let contents = fs::read(&file).with_context(|| file.display().to_string())?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        problems.extend(found(&name, &contents, everywhere()));
    }
    for path in [
        "/config_dump?include_eds",
        "/stats",
        "/stats/prometheus",
        "/clusters",
    ] {
        problems.extend(found(path, &get(envoy.admin, path)?.body, everywhere()));
    }
    for request in upstream.traffic() {
        problems.extend(found("upstream traffic", &request, KEY_MARKS.into_iter()));
    }
    Ok(problems
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect())
}

fn found(place: &str, contents: &[u8], marks: impl Iterator<Item = &'static str>) -> Vec<String> {
    let find = |mark: &str| {
        let at = memchr::memmem::find(contents, mark.as_bytes())?;
        let shown = contents[at.saturating_sub(60)..contents.len().min(at + 60)].escape_ascii();
        Some(format!("{place}: a secret: …{shown}…"))
    };
    marks.filter_map(find).collect()
}
