//! `tollgate policy`: rule files in, the canonical document or a list of mistakes out.

pub(crate) mod warnings;

use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use clap::Subcommand;
use std::io::Write;
use std::path::{Path, PathBuf};
use tollgate_core::document::Document;
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
    warnings::of_all(&document, &mut std::io::stderr().lock())?;
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
    warnings::of_rules(&document, &mut std::io::stderr().lock())?;
    writeln!(out, "{}: {}", directory.display(), summary(&document))?;
    Ok(())
}

/// Loads and compiles a directory of rule files. What it returns, the module can load: the
/// module's own code has tried.
pub(crate) fn compile(directory: &Path) -> Result<Document, Failure> {
    let sources = tollgate_policy::load(directory)?;
    let document = tollgate_policy::compile(&sources).map_err(|errors| {
        let text = tollgate_policy::render(&errors, &sources);
        Failure::Wrong(format!("{text}{}\n", counted(errors.len(), "mistake")))
    })?;
    Policy::load(&tollgate_policy::to_json(&document))
        .map_err(|error| anyhow!("the module would refuse this policy: {error}"))?;
    Ok(document)
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
