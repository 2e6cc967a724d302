//! Runs one operation of the core so many times and nothing else, so that the instructions of
//! 2N runs less those of N are those of N operations.

mod operations;
mod store;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use operations::{Bench, Operation};

#[derive(Debug, Parser)]
struct Arguments {
    /// A canonical document, as `tollgate policy render` writes it
    document: PathBuf,

    /// A key's secret that it knows
    secret: String,

    /// What to run
    operation: Operation,

    /// How many times
    count: u32,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let document = std::fs::read(&arguments.document)
        .with_context(|| arguments.document.display().to_string())?;
    Bench::new(&document, &arguments.secret)?.run(arguments.operation, arguments.count)
}
