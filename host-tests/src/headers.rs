//! Header fields as bytes: what is written, seen and compared, with nothing normalized.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Header fields or trailers, in order, repeated ones included.
///
/// In a scenario: a map from name to a value or a list of values. A character `\x00`–`\xff` of a
/// value is one byte (Latin-1), so `"a\xffb"` is a hostile value and no encoding gets in between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, Vec<u8>)>);

impl Headers {
    /// The value of a field, repeated ones joined by `, `; names compare without case.
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        let mut values = self.all(name).peekable();
        values.peek()?;
        Some(values.collect::<Vec<_>>().join(&b", "[..]))
    }

    /// Every value of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |field: &&'a (String, Vec<u8>)| field.0.eq_ignore_ascii_case(name);
        self.0.iter().filter(named).map(|(_, value)| &value[..])
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Adds a field unless it is there already.
    pub fn push_default(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        if self.all(name).next().is_none() {
            self.push(name, value);
        }
    }

    /// For HTTP/2. An error says which field it can't carry.
    pub fn to_map(&self) -> Result<http::HeaderMap, String> {
        let mut map = http::HeaderMap::new();
        for (name, value) in &self.0 {
            let unfit = |e: &dyn fmt::Display| format!("{name} can't be sent on HTTP/2: {e}");
            let field = http::HeaderName::try_from(name).map_err(|e| unfit(&e))?;
            let value = http::HeaderValue::from_bytes(value).map_err(|e| unfit(&e))?;
            map.append(field, value);
        }
        Ok(map)
    }

    /// `name: value` lines, each ended by CRLF.
    pub fn to_lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for (name, value) in &self.0 {
            lines.extend_from_slice(name.as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value);
            lines.extend_from_slice(b"\r\n");
        }
        lines
    }
}

impl From<&[httparse::Header<'_>]> for Headers {
    fn from(parsed: &[httparse::Header<'_>]) -> Self {
        let own = |h: &httparse::Header<'_>| (h.name.to_ascii_lowercase(), h.value.to_vec());
        Self(parsed.iter().map(own).collect())
    }
}

impl From<&http::HeaderMap> for Headers {
    fn from(map: &http::HeaderMap) -> Self {
        let own = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), value.as_bytes().to_vec())
        };
        Self(map.iter().map(own).collect())
    }
}

/// Text in which each character is one byte; `None` where a character is above U+00FF.
pub fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from header name to a value or a list of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::default();
        while let Some((name, values)) = map.next_entry::<String, Values>()? {
            for value in values.0 {
                headers.push(&name, value);
            }
        }
        Ok(headers)
    }
}

/// One value or several of one field.
struct Values(Vec<Vec<u8>>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header value (a string; quote numbers) or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Values, E> {
        Ok(Values(vec![bytes_of(text)?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(text) = seq.next_element::<String>()? {
            values.push(bytes_of(&text)?);
        }
        Ok(Values(values))
    }
}

fn bytes_of<E: de::Error>(text: &str) -> Result<Vec<u8>, E> {
    latin1(text).ok_or_else(|| {
        E::custom(format!(
            "the header value {text:?} has a character above \\xff; write its UTF-8 bytes as \\x.. each"
        ))
    })
}
