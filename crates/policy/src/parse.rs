//! YAML text to rules. One syntax or type error ends a file; it becomes one diagnostic.
//!
//! YAML is held to its harmless part: no merge keys, tags or second documents; `yes` and `no`
//! are no booleans; names and dates are text as written, so `1.10` stays `1.10`.

use crate::diagnostic::{Diagnostic, Site};
use crate::explain::{Explanation, explain};
use crate::rules::RuleFile;
use serde_saphyr::{
    DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, Options, alias_limits, budget, options,
};

pub(crate) fn parse(file: usize, text: &str) -> Result<RuleFile, Diagnostic> {
    serde_saphyr::from_str_with_options(text, strict())
        .map_err(|error| diagnose(file, text, error.without_snippet()))
}

/// Aliases (`*name`) in one file.
pub(crate) const MAX_ALIASES: usize = 10_000;

/// The text is already in memory and nodes are linear in it, so only what multiplies (aliases)
/// or recurses (depth) needs a bound.
fn strict() -> Options {
    options! {
        budget: budget! {
            max_events: usize::MAX,
            max_nodes: usize::MAX,
            max_total_scalar_bytes: usize::MAX,
            max_documents: 2,
            max_depth: 32,
            max_anchors: 1_000,
            max_aliases: MAX_ALIASES,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: alias_limits! {
            max_total_replayed_events: 1_000_000,
            max_replay_stack_depth: 8,
        },
        emit_comments: false,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        reject_tagged_field_names: true,
        with_snippet: false,
    }
}

fn diagnose(file: usize, text: &str, error: &Error) -> Diagnostic {
    let site = match error.location() {
        Some(location) => Site::at(file, location)
            .unwrap_or_else(|| Site::empty(file, byte_offset(text, location))),
        None => Site::empty(file, 0),
    };
    let line = text.get(..site.start).unwrap_or(text).rsplit('\n').next();
    if line.is_some_and(|before| before.contains('\t') && before.trim().is_empty()) {
        return Diagnostic::new(site, "a tab indents this line").help("YAML is indented by spaces");
    }
    let Explanation { message, help } = explain(error);
    Diagnostic::new(site, message).help_if(help)
}

/// For errors of the scanner, which knows lines and columns (both from 1, in characters) only.
fn byte_offset(text: &str, location: Location) -> usize {
    let line = usize::try_from(location.line())
        .unwrap_or(usize::MAX)
        .saturating_sub(1);
    let column = usize::try_from(location.column())
        .unwrap_or(usize::MAX)
        .saturating_sub(1);
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines.by_ref().take(line).map(str::len).sum();
    let within: usize = lines
        .next()
        .unwrap_or_default()
        .chars()
        .take(column)
        .map(char::len_utf8)
        .sum();
    before + within
}
