//! Which characters a name may have, and which known name was probably meant.

use crate::diagnostic::{Diagnostic, Site};
use crate::rules::Text;

/// The rule that [`is_account_name`] checks, for messages.
pub const ACCOUNT_NAME_RULE: &str =
    "1 to 63 of `a-z 0-9 . _ -`, beginning and ending with a letter or a digit";
const MODEL_NAME_RULE: &str =
    "1 to 128 of `A-Z a-z 0-9 . _ - : /`, beginning and ending with a letter or a digit";
const SERVED_NAME_RULE: &str = "1 to 256 visible ASCII characters, without spaces";

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
    Model,
    Alias,
    /// What an upstream calls a model; file paths are in use, and it travels in a header.
    Served,
}

/// Whether organizations, teams, keys, targets, upstreams and credentials may be called so.
pub fn is_account_name(name: &str) -> bool {
    is_name(name, 63, |c| matches!(c, b'a'..=b'z' | b'0'..=b'9'), b"._-")
}

fn is_model_name(name: &str) -> bool {
    is_name(name, 128, |c| c.is_ascii_alphanumeric(), b"._-:/")
}

fn is_served_name(name: &str) -> bool {
    (1..=256).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_graphic())
}

fn is_name(name: &str, longest: usize, edge: impl Fn(u8) -> bool, inner: &[u8]) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= longest
        && bytes.first().is_some_and(|c| edge(*c))
        && bytes.last().is_some_and(|c| edge(*c))
        && bytes.iter().all(|c| edge(*c) || inner.contains(c))
}

/// Reports a name that may not be one.
pub(crate) fn check(kind: Kind, file: usize, name: &Text, errors: &mut Vec<Diagnostic>) {
    let (what, allowed, rule): (_, fn(&str) -> bool, _) = match kind {
        Kind::Organization => ("an organization's name", is_account_name, ACCOUNT_NAME_RULE),
        Kind::Team => ("a team's name", is_account_name, ACCOUNT_NAME_RULE),
        Kind::Key => ("a key's name", is_account_name, ACCOUNT_NAME_RULE),
        Kind::Target => ("a target's name", is_account_name, ACCOUNT_NAME_RULE),
        Kind::Upstream => ("an upstream's name", is_account_name, ACCOUNT_NAME_RULE),
        Kind::Credential => ("a credential's name", is_account_name, ACCOUNT_NAME_RULE),
        Kind::Objective => ("an objective's name", is_account_name, ACCOUNT_NAME_RULE),
        Kind::Model => ("a model's name", is_model_name, MODEL_NAME_RULE),
        Kind::Alias => ("an alias", is_model_name, MODEL_NAME_RULE),
        Kind::Served => ("a served model's name", is_served_name, SERVED_NAME_RULE),
    };
    if allowed(&name.value) {
        return;
    }
    let message = match name.value.as_str() {
        "" => format!("{what} is empty"),
        name => format!("`{name}` can't be {what}"),
    };
    let lower = name.value.to_lowercase();
    let meant = allowed(&lower).then(|| format!("; `{lower}` would do"));
    let help = format!("{what} is {rule}{}", meant.unwrap_or_default());
    errors.push(Diagnostic::new(Site::of(file, name), message).help(help));
}

/// "did you mean `x`?", when a known name is near enough.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, known).map(|known| format!("did you mean `{known}`?"))
}

/// The known name with the fewest edits, at most one for every three characters. Among equals
/// the first in the alphabet.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
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
    fn the_longest_names_are_allowed_and_no_longer_ones() {
        assert!(is_account_name(&"a".repeat(63)));
        assert!(!is_account_name(&"a".repeat(64)));
        assert!(is_model_name(&"A".repeat(128)));
        assert!(!is_model_name(&"A".repeat(129)));
        assert!(is_served_name(&"/".repeat(256)));
        assert!(!is_served_name(&"/".repeat(257)));
    }

    #[test]
    fn a_name_begins_and_ends_with_a_letter_or_a_digit() {
        for bad in ["", "-a", "a-", ".", "a b", "a\u{e4}", "A"] {
            assert!(!is_account_name(bad), "{bad:?}");
        }
        for good in ["a", "0", "a.b_c-d"] {
            assert!(is_account_name(good), "{good:?}");
        }
        assert!(is_model_name("meta-llama/Llama-3.1:free"));
        assert!(!is_model_name("/models/x.gguf"));
    }

    #[test]
    fn nearest_counts_swapped_neighbours_as_one_edit() {
        assert_eq!(nearest("wieght", ["weight", "width"]), Some("weight"));
        assert_eq!(nearest("zzz", ["weight", "width"]), None);
        assert_eq!(nearest("ab", ["ac", "aa"]), Some("aa"));
    }
}
