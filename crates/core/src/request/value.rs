//! JSON texts read as the few types that decisions need. Wrong types are refused, since servers
//! differ in what they make of them.

use std::borrow::Cow;

use crate::refusal::Refusal;

/// A string.
pub(super) fn string<'a>(field: &str, value: &'a str) -> Result<Cow<'a, str>, Refusal> {
    let decoded = match plain_string(value) {
        Some(plain) => Some(Cow::Borrowed(plain)),
        None => serde_json::from_str(value).ok().map(Cow::Owned),
    };
    decoded.ok_or_else(|| invalid(field, "must be a string"))
}

/// A boolean.
pub(super) fn boolean(field: &str, value: &str) -> Result<bool, Refusal> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(field, "must be true or false")),
    }
}

/// A refusal of this field.
pub(super) fn invalid(field: &str, problem: &str) -> Refusal {
    Refusal::InvalidField {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}

/// What stands between the quotes of a JSON string, still escaped.
pub(super) fn string_content(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

fn plain_string(value: &str) -> Option<&str> {
    string_content(value).filter(|content| !content.contains('\\'))
}
