//! The parser's errors in the words of rule files: the library speaks of its own types and
//! options, and policy authors know neither.

use crate::names::did_you_mean;
use crate::parse::MAX_ALIASES;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

/// What is wrong, and how to mend it.
pub(crate) struct Explanation {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Explanation {
    fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            message,
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

pub(crate) fn explain(error: &Error) -> Explanation {
    if let Error::AliasError { error, .. } = error {
        return explain(error);
    }
    field(error)
        .or_else(|| value(error))
        .or_else(|| yaml(error))
        .unwrap_or_else(|| Explanation::new(UserMessageFormatter.format_message(error)))
}

/// A name that does not belong where it stands.
fn field(error: &Error) -> Option<Explanation> {
    Some(match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => Explanation::new(format!("there is no field `{field}` here"))
            .help(choices(field, expected)),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => Explanation::new(format!("`{variant}` is not known here"))
            .help(choices(variant, expected)),
        Error::SerdeMissingField { field, .. } => {
            let explanation = Explanation::new(format!("the field `{field}` is missing"));
            match *field {
                "until" => explanation.help("a raise ends on a date: `until: 2027-01-01`"),
                "version" => explanation.help("records name it: `version: \"2026-11\"`"),
                _ => explanation,
            }
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            Explanation::new(format!("`{key}` is given twice"))
        }
        _ => return None,
    })
}

fn choices(name: &str, known: &[&'static str]) -> String {
    did_you_mean(name, known.iter().copied())
        .unwrap_or_else(|| format!("known here: {}", known.join(", ")))
}

/// A value of another kind than its field takes.
fn value(error: &Error) -> Option<Explanation> {
    Some(match error {
        Error::InvalidScalar { ty: "u32", .. } => {
            Explanation::new("a whole number is expected here")
                .help(format!("0 to {}, without a leading 0", u32::MAX))
        }
        Error::InvalidBooleanStrict { .. } | Error::InvalidScalar { ty: "bool", .. } => {
            Explanation::new("`true` or `false` is expected here")
                .help("`yes`, `no`, `on` and `off` are text")
        }
        Error::NullIntoString { .. } => Explanation::new("text is expected here")
            .help("nothing, `~` and `null` are no text unless quoted"),
        Error::Unexpected {
            expected: "string scalar",
            ..
        } => Explanation::new("text is expected here"),
        Error::Unexpected {
            expected: "mapping start",
            ..
        } => Explanation::new("a mapping is expected here")
            .help("lines of `name: value`, or `{}` for none"),
        Error::Unexpected {
            expected: "sequence start",
            ..
        } => Explanation::new("a list is expected here").help("a list is written as `[one, two]`"),
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } => {
            Explanation::new("one `name: value` is expected here, not two")
        }
        Error::ExpectedStringKeyForExternallyTaggedEnum { .. } => {
            Explanation::new("one `name: value` is expected here")
        }
        Error::UnexpectedValueForUnitEnumVariant { .. } => Explanation::new("this takes no value"),
        _ => return None,
    })
}

/// YAML that rule files do not use, or not so much of it.
fn yaml(error: &Error) -> Option<Explanation> {
    Some(match error {
        Error::MergeKeyNotAllowed { .. } => {
            Explanation::new("merge keys (`<<`) are not part of rule files")
        }
        Error::MultipleDocuments { .. } => Explanation::new("a rule file is one YAML document")
            .help("put what follows `---` into a file of its own"),
        Error::UnsupportedTag { tag, .. } | Error::TaggedStructFieldName { tag, .. } => {
            Explanation::new(format!("the tag `{tag}` is not part of rule files"))
        }
        Error::UnknownAnchor { .. } => {
            Explanation::new("no anchor of this name comes before this alias")
        }
        Error::AliasReplayLimitExceeded {
            max_total_replayed_events: most,
            ..
        } => Explanation::new(format!(
            "aliases stand for more than {most} values in this file"
        )),
        Error::Budget {
            breach: BudgetBreach::Aliases { .. },
            ..
        } => Explanation::new(format!("more than {MAX_ALIASES} aliases in this file")),
        _ => return None,
    })
}
