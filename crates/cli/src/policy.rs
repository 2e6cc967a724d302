//! `tollgate policy`: rule files in, the canonical document or a list of mistakes out.

use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use clap::Subcommand;
use std::io::Write;
use std::path::{Path, PathBuf};
use tollgate_core::document::{Capability, Document, Limit, Measure, Mode, Per};
use tollgate_core::policy::Policy;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Compile rule files into the document that the module reads
    Render {
        /// Directory of rule files (*.yaml, *.yml, also in folders below)
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Where to write the document; `-` is standard output
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Report every mistake in rule files, and write nothing
    Check {
        /// Directory of rule files (*.yaml, *.yml, also in folders below)
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

pub(crate) fn run(command: Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Render { directory, output } => render(&directory, &output, out),
        Command::Check { directory } => check(&directory, out),
    }
}

fn render(directory: &Path, output: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let document = compile(directory)?;
    let err = &mut std::io::stderr().lock();
    warn(&document, err)?;
    warn_of_tools(&document, err)?;
    let json = tollgate_policy::to_json(&document);
    if output == Path::new("-") {
        out.write_all(&json)?;
        writeln!(out)?;
        return Ok(());
    }
    output::write_file(output, &json)?;
    writeln!(out, "{}: {}", output.display(), summary(&document))?;
    Ok(())
}

fn check(directory: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let document = compile(directory)?;
    warn_of_tools(&document, &mut std::io::stderr().lock())?;
    writeln!(out, "{}: {}", directory.display(), summary(&document))?;
    Ok(())
}

/// Loads and compiles a directory of rule files. What it returns, the module can load: the
/// module's own code has tried.
pub(crate) fn compile(directory: &Path) -> Result<Document, Failure> {
    let sources = tollgate_policy::load(directory)?;
    let document = tollgate_policy::compile(&sources).map_err(|errors| {
        let text = tollgate_policy::render(&errors, &sources);
        Failure::Rules(format!("{text}{}\n", counted(errors.len(), "mistake")))
    })?;
    Policy::load(&tollgate_policy::to_json(&document))
        .map_err(|error| anyhow!("the module would refuse this policy: {error}"))?;
    Ok(document)
}

/// Tells of limits that hold less than they seem to: a day or more outlasts a process.
pub(crate) fn warn(document: &Document, out: &mut impl Write) -> Result<(), Failure> {
    let models = document.models.iter().flat_map(|model| &model.limits);
    let limits = account_limits(document).chain(models);
    let lasting =
        limits.filter(|limit| limit.measure == Measure::Budget || limit.per == Some(Per::Day));
    let mut lasting: Vec<&str> = lasting.map(|limit| &*limit.rule).collect();
    lasting.sort_unstable();
    for rule in lasting {
        let source = document.sources.get(rule).map_or("", |source| source);
        writeln!(
            out,
            "warning: {source}: {rule} is counted by each Envoy for itself, and anew after its \
             restart: there is no ledger"
        )?;
    }
    Ok(())
}

/// Tells of models whose hosted tools some requests can't use: they have no worst case.
fn warn_of_tools(document: &Document, out: &mut impl Write) -> Result<(), Failure> {
    for model in &document.models {
        let mut limits = account_limits(document).chain(&model.limits);
        let found = limits.find(|limit| limit.worst_case && limit.mode != Mode::Shadow);
        if let Some(limit) = found.filter(|_| model.allow.contains(&Capability::HostedTools)) {
            let source = document
                .sources
                .get(&limit.rule)
                .map_or("", |source| source);
            writeln!(
                out,
                "warning: {source}: {} admits only the worst case, which hosted tools have none \
                 of: under it they are refused, though the model `{}` allows them",
                limit.rule, model.name
            )?;
        }
    }
    Ok(())
}

/// Of all organizations, teams and keys.
fn account_limits(document: &Document) -> impl Iterator<Item = &Limit> {
    let organizations = document.organizations.iter().flat_map(|o| &o.limits);
    let teams = document.teams.iter().flat_map(|team| &team.limits);
    let keys = document.keys.iter().flat_map(|key| &key.limits);
    organizations.chain(teams).chain(keys)
}

fn summary(document: &Document) -> String {
    format!(
        "policy {}, {}, {}, {}, {}",
        document.version,
        counted(document.models.len(), "model"),
        counted(document.organizations.len(), "organization"),
        counted(document.teams.len(), "team"),
        counted(document.keys.len(), "key"),
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
