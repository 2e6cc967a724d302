//! Arrays read element by element, within a bound on how many are looked at in one request: a body
//! of 32 MiB could hold ten million.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::value;
use crate::refusal::Refusal;

/// Elements that are looked at in one request; long conversations have some thousands.
const MOST: usize = 65_536;

/// How many more elements may be looked at.
pub(super) struct Elements {
    left: usize,
}

impl Default for Elements {
    fn default() -> Self {
        Self { left: MOST }
    }
}

impl Elements {
    /// The elements of a JSON array, as texts; none for anything else.
    ///
    /// # Errors
    /// 400 if they are more than are left.
    pub(super) fn of<'a>(&mut self, field: &str, text: &'a str) -> Result<Vec<&'a str>, Refusal> {
        if !text.starts_with('[') {
            return Ok(Vec::new());
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let elements = reader.deserialize_seq(AtMost(self.left)).map_err(|_| {
            value::invalid(
                field,
                &format!("has more than {MOST} elements, counting nested ones"),
            )
        })?;
        self.left = self.left.saturating_sub(elements.len());
        Ok(elements)
    }
}

/// Reads so many elements and not one more.
struct AtMost(usize);

impl<'de> Visitor<'de> for AtMost {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            if elements.len() == self.0 {
                return Err(A::Error::custom("too many elements"));
            }
            elements.push(element.get());
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_texts_and_other_values_have_none() {
        let mut elements = Elements::default();
        assert_eq!(
            elements.of("x", r#"[1, "a" ,{"b":[2]}]"#).unwrap(),
            ["1", "\"a\"", r#"{"b":[2]}"#]
        );
        for text in ["{}", "null", "\"[1]\"", "7"] {
            assert!(elements.of("x", text).unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn the_bound_counts_all_arrays_of_a_request() {
        let many = format!("[{}0]", "0,".repeat(MOST / 2));
        let mut elements = Elements::default();
        assert_eq!(elements.of("x", &many).unwrap().len(), MOST / 2 + 1);
        assert_eq!(elements.of("x", &many).unwrap_err().param(), Some("x"));
    }
}
