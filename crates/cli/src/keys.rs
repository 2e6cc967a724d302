//! `tollgate keys`: makes virtual keys. The secret is shown once; only its hash goes into rules.

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use std::io::Write;
use std::str::FromStr;
use tollgate_core::names;
use tollgate_core::secret;
use tollgate_policy::unix_seconds;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a secret for a team: prints it once, with the lines for the rule file
    Mint(Mint),
}

#[derive(Args)]
pub(crate) struct Mint {
    /// The team that the key is for
    #[arg(long, value_name = "ORG/TEAM")]
    team: Team,
    /// The key's name within its team [default: `key-` and the beginning of its hash]
    #[arg(long, value_parser = account_name)]
    name: Option<String>,
    /// When the key ends: `2027-01-01` (midnight UTC) or `2027-01-01T09:00:00Z`
    #[arg(long, value_name = "DATE", value_parser = date)]
    expires: Option<String>,
}

#[derive(Clone)]
struct Team {
    organization: String,
    name: String,
}

impl FromStr for Team {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (organization, name) = text
            .split_once('/')
            .ok_or("a team is written as ORGANIZATION/TEAM")?;
        Ok(Self {
            organization: account_name(organization)?,
            name: account_name(name)?,
        })
    }
}

fn account_name(text: &str) -> Result<String, String> {
    if names::ACCOUNT.allows(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` can't be a name: a name is {}",
        names::ACCOUNT.text
    ))
}

fn date(text: &str) -> Result<String, String> {
    unix_seconds(text)
        .map(|_| text.to_owned())
        .map_err(|problem| format!("it {problem}"))
}

pub(crate) fn run(command: Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Mint(arguments) => mint(&arguments, out),
    }
}

fn mint(arguments: &Mint, out: &mut impl Write) -> Result<(), Failure> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)
        .map_err(|error| anyhow!(error))
        .context("the operating system gave no randomness")?;
    let secret = secret::mint(entropy);
    let hash: String = secret::hash(secret.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => format!("key-{}", &hash[..8]),
    };
    let Team {
        organization,
        name: team,
    } = &arguments.team;
    writeln!(
        out,
        "The secret. It is shown this once and stored nowhere:\n"
    )?;
    writeln!(out, "    {secret}\n")?;
    writeln!(
        out,
        "The key `{name}` for the rule file, which holds only the secret's hash:\n"
    )?;
    writeln!(
        out,
        "          # goes under organizations: {organization}: teams: {team}: keys:"
    )?;
    writeln!(out, "          {name}:")?;
    writeln!(out, "            hash: sha256:{hash}")?;
    if let Some(date) = &arguments.expires {
        writeln!(out, "            expires: {date}")?;
    }
    Ok(())
}
