//! Whether answers say what they cost.

use crate::diagnostic::{Diagnostic, Site};
use crate::rules::RuleFile;

pub(crate) fn compile(files: &[RuleFile], errors: &mut Vec<Diagnostic>) -> bool {
    let mut found: Option<(Site, bool)> = None;
    for (file, rules) in files.iter().enumerate() {
        let Some(says) = &rules.cost_header else {
            continue;
        };
        let site = Site::of(file, says);
        if let Some((first, _)) = found {
            let message = "`cost_header` is given twice";
            errors.push(Diagnostic::new(site, message).and(first, "first here"));
        }
        found = Some((site, says.value));
    }
    found.is_some_and(|(_, says)| says)
}
