//! Reports names that may not be ones, and says which known name was probably meant.

use tollgate_core::names::{ACCOUNT, MODEL, NameRule, SERVED};

use crate::diagnostic::{Diagnostic, Site};
use crate::rules::Text;

/// What a name names; decides its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Organization,
    Team,
    Key,
    Target,
    Upstream,
    Credential,
    Objective,
    Raise,
    Model,
    Alias,
    /// What an upstream calls a model.
    Served,
}

/// Reports a name that may not be one.
pub(crate) fn check(kind: Kind, file: usize, name: &Text, errors: &mut Vec<Diagnostic>) {
    let (what, rule): (_, NameRule) = match kind {
        Kind::Organization => ("an organization's name", ACCOUNT),
        Kind::Team => ("a team's name", ACCOUNT),
        Kind::Key => ("a key's name", ACCOUNT),
        Kind::Target => ("a target's name", ACCOUNT),
        Kind::Upstream => ("an upstream's name", ACCOUNT),
        Kind::Credential => ("a credential's name", ACCOUNT),
        Kind::Objective => ("an objective's name", ACCOUNT),
        Kind::Raise => ("a raise's name", ACCOUNT),
        Kind::Model => ("a model's name", MODEL),
        Kind::Alias => ("an alias", MODEL),
        Kind::Served => ("a served model's name", SERVED),
    };
    if rule.allows(&name.value) {
        return;
    }
    let message = match name.value.as_str() {
        "" => format!("{what} is empty"),
        name => format!("`{name}` can't be {what}"),
    };
    let lower = name.value.to_lowercase();
    let meant = rule.allows(&lower).then(|| format!("; `{lower}` would do"));
    let help = format!("{what} is {}{}", rule.text, meant.unwrap_or_default());
    errors.push(Diagnostic::new(Site::of(file, name), message).help(help));
}

/// "did you mean `x`?", when a known name is near enough.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, known).map(|known| format!("did you mean `{known}`?"))
}

/// The only known name that begins with this one, else that with the fewest edits, at most one for
/// every three characters. Among equals the first in the alphabet.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    let mut longer = known.iter().filter(|known| known.starts_with(name));
    if let (Some(only), None, false) = (longer.next(), longer.next(), name.is_empty()) {
        return Some(only);
    }
    let most = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(edits, _)| *edits <= most)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_counts_swapped_neighbours_as_one_edit() {
        assert_eq!(nearest("wieght", ["weight", "width"]), Some("weight"));
        assert_eq!(nearest("zzz", ["weight", "width"]), None);
        assert_eq!(nearest("", ["weight"]), None);
        assert_eq!(nearest("min", ["month", "minute"]), Some("minute"));
        assert_eq!(nearest("m", ["month", "minute"]), None);
        assert_eq!(nearest("ab", ["ac", "aa"]), Some("aa"));
    }
}
