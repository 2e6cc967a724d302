//! Where keys ask how they stand with their limits.

use crate::diagnostic::{Diagnostic, Site};
use crate::rules::RuleFile;
use tollgate_core::api::classify;
use tollgate_core::document::default_usage_path;
use tollgate_core::refusal::Refusal;

/// The path; `None`: off.
pub(crate) fn compile(files: &[RuleFile], errors: &mut Vec<Diagnostic>) -> Option<String> {
    let mut found: Option<(Site, &str)> = None;
    for (file, rules) in files.iter().enumerate() {
        let Some(path) = &rules.usage_path else {
            continue;
        };
        let site = Site::of(file, path);
        if let Some((first, _)) = found {
            let message = "`usage_path` is given twice";
            errors.push(Diagnostic::new(site, message).and(first, "first here"));
        }
        if path.value != "off" && !is_path(&path.value) {
            let message = format!("`{}` can't be the path of usage", path.value);
            let help = "a path of its own, as `/v1/usage`, or `off`";
            errors.push(Diagnostic::new(site, message).help(help));
        }
        found = Some((site, &path.value));
    }
    match found {
        Some((_, "off")) => None,
        Some((_, path)) => Some(path.to_owned()),
        None => default_usage_path(),
    }
}

/// A plain path that means nothing else.
fn is_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let known = classify(b"GET", path.as_bytes(), None);
    let is_free = matches!(known, Err(Refusal::UnsupportedEndpoint { .. }));
    path.starts_with('/') && path.bytes().all(is_plain) && !path.contains("//") && is_free
}
