//! What keeps a conversation on one target: checks that each entry can ever take effect.

use crate::diagnostic::{Diagnostic, Site};
use crate::rules::StickyRule;
use serde_saphyr::Spanned;
use tollgate_core::document::Sticky;

/// Headers are compared in lower case, as HTTP/2 sends them.
pub(crate) fn compile(
    file: usize,
    rules: &[Spanned<StickyRule>],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Sticky> {
    let mut entries: Vec<(Sticky, Site)> = Vec::with_capacity(rules.len());
    for rule in rules {
        let site = Site::of(file, rule);
        let entry = entry(file, &rule.value, errors);
        if let Some((_, earlier)) = entries.iter().find(|(earlier, _)| *earlier == entry) {
            errors.push(Diagnostic::new(site, "this is listed twice").and(*earlier, "first here"));
        } else if let Some((_, always)) = entries.iter().find(|(earlier, _)| is_always(earlier)) {
            errors.push(Diagnostic::new(site, "this is never reached").and(
                *always,
                "every request carries this, and the first that is carried counts",
            ));
        }
        entries.push((entry, site));
    }
    entries.into_iter().map(|(entry, _)| entry).collect()
}

fn entry(file: usize, rule: &StickyRule, errors: &mut Vec<Diagnostic>) -> Sticky {
    match rule {
        StickyRule::Key => Sticky::Key,
        StickyRule::Team => Sticky::Team,
        StickyRule::Organization => Sticky::Organization,
        StickyRule::Header(name) => {
            let lower = name.value.to_ascii_lowercase();
            if let Err(problem) = check_header(&lower) {
                errors.push(Diagnostic::new(Site::of(file, name), problem));
            }
            Sticky::Header(lower)
        }
        StickyRule::Field(name) => {
            if name.value.is_empty() {
                errors.push(Diagnostic::new(
                    Site::of(file, name),
                    "a field needs a name",
                ));
            }
            Sticky::Field(name.value.clone())
        }
    }
}

fn is_always(entry: &Sticky) -> bool {
    matches!(entry, Sticky::Key | Sticky::Team | Sticky::Organization)
}

/// A token of RFC 9110 section 5.6.2, and none that the gateway removes or that holds a secret.
fn check_header(name: &str) -> Result<(), String> {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    if name.is_empty() {
        return Err("a header needs a name".to_owned());
    }
    if !name.bytes().all(is_token) {
        return Err(format!("`{name}` can't be a header's name"));
    }
    let removed = name.starts_with("x-tollgate-") || name.starts_with("x-gateway-");
    if removed || matches!(name, "authorization" | "x-api-key" | "api-key") {
        return Err(format!(
            "the header `{name}` is taken from requests before this is read"
        ));
    }
    Ok(())
}
