//! Rule files to a checked, compiled policy.
//!
//! [`load`] reads the files (the only I/O here), [`compile`] turns their text into the canonical
//! [`Document`] or into every mistake it finds, [`render`] prints those mistakes with the source
//! lines. Nothing here reads a clock: whether a key has expired is decided when it is used.
#![deny(clippy::disallowed_methods)]

mod accounts;
mod allow_list;
mod amounts;
mod canonical;
mod catalog;
mod cost_header;
mod diagnostic;
mod explain;
mod limits;
mod load;
mod models;
mod names;
mod parse;
mod prices;
mod render;
mod rules;
mod sticky;
mod usage_path;
mod values;
mod zones;

pub use canonical::to_json;
pub use diagnostic::{Diagnostic, Mark, Site};
pub use load::{LoadError, load};
pub use render::render;
pub use values::unix_seconds;

use canonical::Economy;
use catalog::Catalog;
use limits::Limits;
use rules::RuleFile;
use std::collections::BTreeMap;
use tollgate_core::document::Document;
use zones::Zones;

/// One rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// How diagnostics name it: its path.
    pub name: String,
    /// Its YAML.
    pub text: String,
}

/// Compiles rule files into one document. The order of files, and of entries within them, does
/// not matter.
///
/// # Errors
/// Everything that is wrong, in the order of the text. A file that is not well-formed has one
/// diagnostic, and then nothing else is checked, since names could be missing for that reason
/// alone.
pub fn compile(sources: &[Source]) -> Result<Document, Vec<Diagnostic>> {
    let files = parse_all(sources)?;
    let mut errors = Vec::new();
    let catalog = Catalog::new(&files, &mut errors);
    let table = prices::compile(&files, &catalog, &mut errors);
    let mut limits = Limits {
        catalog: &catalog,
        files: sources,
        zones: Zones::default(),
        priced_time: table.of_time,
        sources: BTreeMap::new(),
    };
    let models = models::compile(&files, &table, &mut limits, &mut errors);
    let accounts = accounts::compile(&files, &catalog, &mut limits, &mut errors);
    let usage_path = usage_path::compile(&files, &mut errors);
    let cost_header = cost_header::compile(&files, &mut errors);
    if errors.is_empty() {
        let economy = Economy {
            usage_path,
            cost_header,
            prices: table.prices,
            zones: limits.zones.into_sorted(),
            sources: limits.sources,
        };
        return Ok(canonical::seal(models, accounts, economy));
    }
    errors.sort_by_key(Diagnostic::site);
    Err(errors)
}

fn parse_all(sources: &[Source]) -> Result<Vec<RuleFile>, Vec<Diagnostic>> {
    let mut files = Vec::with_capacity(sources.len());
    let mut errors = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        match parse::parse(index, &source.text) {
            Ok(file) => files.push(file),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(files)
    } else {
        Err(errors)
    }
}
