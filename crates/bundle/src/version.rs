//! A version that can stand in a tag.

use std::fmt;
use std::str::FromStr;

/// What the module's version is called; the image's tag, and with `-wasm` the other form's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

/// A tag has 128 characters (opencontainers/distribution-spec, "Pulling manifests").
const MOST: usize = 128;
const SUFFIX: &str = "-wasm";

impl Version {
    /// The tag of the Wasm form.
    pub fn wasm_tag(&self) -> String {
        format!("{}{SUFFIX}", self.0)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let other = |byte: u8| first(byte) || byte == b'.' || byte == b'-';
        let tag = text.bytes().next().is_some_and(first) && text.bytes().all(other);
        if !tag || text.len() + SUFFIX.len() > MOST {
            return Err(format!(
                "`{}` can't be a tag: letters, digits, `_`, `.` and `-`, at most {} of them, \
                 not beginning with `.` or `-`",
                text.escape_debug(),
                MOST - SUFFIX.len()
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_must_fit_into_a_tag() {
        let long = "1".repeat(124);
        for wrong in ["", ".1", "-1", "1+x", "a b", "a/b", "1:2", "ä", &long] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
        let version: Version = "v0.1.0-rc_1".parse().unwrap();
        assert_eq!(version.wasm_tag(), "v0.1.0-rc_1-wasm");
    }
}
