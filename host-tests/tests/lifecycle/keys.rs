//! A policy of ten thousand keys. (What it costs is the benchmark's to say.)

use std::path::Path;

use anyhow::Result;

use crate::Promise;
use crate::client::refused;
use crate::gateway::Gateway;
use crate::messages::{answered, chat};
use crate::rules::{PLAIN, rules};

pub(crate) const PROMISES: &[Promise] = &[("keys/ten-thousand", ten_thousand)];

const KEYS: usize = 10_000;

fn ten_thousand(folder: &Path) -> Result<()> {
    let names: Vec<String> = (0..KEYS).map(|number| format!("t{number}")).collect();
    let teams: Vec<&str> = names.iter().map(String::as_str).collect();
    let gateway = Gateway::with_rules(folder, &rules(PLAIN, &teams))?;
    for team in teams.iter().step_by(KEYS / 10).chain(teams.last()) {
        gateway.serves(&chat(team, "plain"), &answered())?;
    }
    refused(
        gateway.ask(&chat("nobody", "plain"), None)?,
        401,
        "invalid_api_key",
    )?;
    gateway.edit_and_wait(&rules(PLAIN, &teams[1..]))?;
    refused(
        gateway.ask(&chat(teams[0], "plain"), None)?,
        401,
        "invalid_api_key",
    )?;
    gateway.serves(&chat(teams[1], "plain"), &answered())?;
    Ok(())
}
