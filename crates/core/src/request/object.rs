//! One level of a JSON object, read shallowly: keys are compared unescaped, values stay text.
//!
//! serde_json checks the syntax of everything, but decodes nothing below this level: duplicate
//! keys and lone surrogates inside content pass as they came.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::value;
use crate::refusal::Refusal;

/// Most members that an object may have where we decide on it; real requests have some dozens.
const MOST_MEMBERS: usize = 1024;

/// A JSON object as an ordered list of members.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    members: Vec<Member<'a>>,
}

/// One `"key": value`, as it stands in the text.
#[derive(Debug)]
struct Member<'a> {
    /// Unescaped; a key that can't be (a lone surrogate) stays as written, and equals no name.
    name: Cow<'a, str>,
    is_ascii: bool,
    raw_key: &'a str,
    value: &'a str,
}

/// What to change in an object before it is forwarded.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// Value text by name; `None` removes the member.
    changes: Vec<(&'static str, Option<String>)>,
}

impl<'a> Object<'a> {
    /// Reads `text`, which must be one JSON object and nothing else.
    ///
    /// # Errors
    /// What is wrong and where, without any of the text itself.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            if error.is_data() && !text.trim_start().starts_with('{') {
                "expected an object".to_owned()
            } else {
                error.to_string()
            }
        })
    }

    /// The value of `name` as JSON text; `null` counts as absent.
    ///
    /// # Errors
    /// [`Refusal::DuplicateField`] if it appears twice; [`Refusal::InvalidField`] if a key differs
    /// from it only in case: some servers would read that one too.
    pub(super) fn value(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let mut found = None;
        for member in self.members.iter().filter(|m| m.may_be_read_as(name)) {
            if member.name != name {
                return Err(Refusal::InvalidField {
                    field: crate::text::printable(member.name.as_bytes()),
                    problem: format!("must be written '{name}'"),
                });
            }
            if found.replace(member.value).is_some() {
                return Err(Refusal::DuplicateField {
                    field: name.to_owned(),
                });
            }
        }
        Ok(found.filter(|&value| value != "null"))
    }

    /// The object with `edits` applied; changed members keep their place, new ones come last.
    pub(super) fn render(&self, edits: &Edits) -> String {
        let size = self
            .members
            .iter()
            .map(|m| m.raw_key.len().saturating_add(m.value.len()));
        let room = self.members.len().saturating_mul(4).saturating_add(256);
        let mut out = String::with_capacity(size.sum::<usize>().saturating_add(room));
        out.push('{');
        for member in &self.members {
            match edits.of(&member.name) {
                Some(None) => {}
                Some(Some(value)) => push_member(&mut out, member.raw_key, value),
                None => push_member(&mut out, member.raw_key, member.value),
            }
        }
        let is_new = |name: &str| !self.members.iter().any(|member| member.name == name);
        for (name, value) in edits.changes.iter().filter(|(name, _)| is_new(name)) {
            if let Some(value) = value {
                push_member(&mut out, &format!("\"{name}\""), value);
            }
        }
        out.push('}');
        out
    }
}

fn push_member(out: &mut String, raw_key: &str, value: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    out.push_str(raw_key);
    out.push(':');
    out.push_str(value);
}

impl Edits {
    /// Sets `name` to this JSON text.
    pub(super) fn set(&mut self, name: &'static str, value: String) {
        self.changes.push((name, Some(value)));
    }

    /// Removes `name`.
    pub(super) fn remove(&mut self, name: &'static str) {
        self.changes.push((name, None));
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn of(&self, name: &str) -> Option<Option<&str>> {
        let (_, value) = self.changes.iter().find(|(changed, _)| *changed == name)?;
        Some(value.as_deref())
    }
}

impl Member<'_> {
    /// Whether a server that compares keys without regard to case would take its key for `name`.
    fn may_be_read_as(&self, name: &str) -> bool {
        if self.is_ascii {
            self.name.eq_ignore_ascii_case(name)
        } else {
            fold(Cow::Borrowed(&self.name)) == name
        }
    }
}

/// The key as servers compare it that ignore case, as Go's `encoding/json` does (with Unicode
/// folding: ſ is s, K is k).
pub(super) fn fold(key: Cow<'_, str>) -> Cow<'_, str> {
    if key
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        return key;
    }
    let folded = key.chars().map(|c| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    Cow::Owned(folded.collect())
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some((key, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            if members.len() == MOST_MEMBERS {
                let limit = format!("more than {MOST_MEMBERS} members in one object");
                return Err(serde::de::Error::custom(limit));
            }
            let raw_key = key.get();
            let name = unescape(value::string_content(raw_key).unwrap_or(raw_key));
            members.push(Member {
                is_ascii: name.is_ascii(),
                name,
                raw_key,
                value: value.get(),
            });
        }
        Ok(Object { members })
    }
}

/// What a JSON string says, from what stands between its quotes. One that can't be said (a lone
/// surrogate) stays as written.
pub(super) fn unescape(written: &str) -> Cow<'_, str> {
    if written.contains('\\') {
        let quoted = format!("\"{written}\"");
        serde_json::from_str(&quoted).map_or(Cow::Borrowed(written), Cow::Owned)
    } else {
        Cow::Borrowed(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_found_after_unescaping() {
        let object = Object::parse(r#"{"model":"a","mod\u0065l":"b"}"#).unwrap();
        assert!(matches!(
            object.value("model"),
            Err(Refusal::DuplicateField { .. })
        ));
        assert_eq!(object.value("other"), Ok(None));
    }

    #[test]
    fn keys_that_a_lax_server_would_read_are_refused() {
        for key in ["Model", "MODEL", "mOdel"] {
            let text = format!(r#"{{"model":"a","{key}":"b"}}"#);
            let object = Object::parse(&text).unwrap();
            assert!(
                matches!(object.value("model"), Err(Refusal::InvalidField { .. })),
                "{key}"
            );
        }
        let object = Object::parse(r#"{"ſtream":true}"#).unwrap();
        assert!(object.value("stream").is_err());
    }

    #[test]
    fn what_is_below_passes_undecoded() {
        let text = r#"{"messages":[{"a":"\ud800","a":1}],"\udfff":2}"#;
        let object = Object::parse(text).unwrap();
        assert_eq!(object.render(&Edits::default()), text);
    }

    #[test]
    fn edits_replace_remove_and_add() {
        let object = Object::parse(r#"{ "a" : 1, "b":2 ,"c":[ 3 ] }"#).unwrap();
        let mut edits = Edits::default();
        edits.set("b", "true".to_owned());
        edits.remove("a");
        edits.set("z", "null".to_owned());
        assert_eq!(object.render(&edits), r#"{"b":true,"c":[ 3 ],"z":null}"#);
        edits.remove("c");
        assert_eq!(object.render(&edits), r#"{"b":true,"z":null}"#);
    }

    #[test]
    fn errors_do_not_repeat_the_text() {
        for text in [
            "\"secret prompt\"",
            "[\"secret\"]",
            "{\"a\":secret}",
            "{\"a\":1} secret",
            "",
        ] {
            let error = Object::parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn too_many_members_are_refused() {
        let members: Vec<_> = (0..=MOST_MEMBERS).map(|i| format!("\"{i}\":0")).collect();
        assert!(Object::parse(&format!("{{{}}}", members.join(","))).is_err());
    }
}
