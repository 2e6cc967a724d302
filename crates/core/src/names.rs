//! Which characters a name may have. Names go into headers, log lines, labels of metrics and names
//! of clusters: nothing that means something there may be in one.

/// What names of one kind may look like.
#[derive(Clone, Copy, Debug)]
pub struct NameRule {
    /// The rule, for messages.
    pub text: &'static str,
    longest: usize,
    inside: fn(u8) -> bool,
    at_the_edges: fn(u8) -> bool,
}

/// For organizations, teams, keys, targets, upstreams, credentials and objectives.
pub const ACCOUNT: NameRule = NameRule {
    text: "1 to 63 of `a-z 0-9 . _ -`, beginning and ending with a letter or a digit",
    longest: 63,
    inside: |c| is_lower(c) || b"._-".contains(&c),
    at_the_edges: is_lower,
};

/// For models and their aliases.
pub const MODEL: NameRule = NameRule {
    text: "1 to 128 of `A-Z a-z 0-9 . _ - : /`, beginning and ending with a letter or a digit",
    longest: 128,
    inside: |c| c.is_ascii_alphanumeric() || b"._-:/".contains(&c),
    at_the_edges: |c| c.is_ascii_alphanumeric(),
};

/// For what an upstream calls a model: file paths are in use.
pub const SERVED: NameRule = NameRule {
    text: "1 to 256 visible ASCII characters, without spaces",
    longest: 256,
    inside: |c| c.is_ascii_graphic(),
    at_the_edges: |c| c.is_ascii_graphic(),
};

impl NameRule {
    /// Whether something may be called so.
    pub fn allows(&self, name: &str) -> bool {
        let bytes = name.as_bytes();
        let edge = |byte: Option<&u8>| byte.is_some_and(|&byte| (self.at_the_edges)(byte));
        bytes.len() <= self.longest
            && edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(|&byte| (self.inside)(byte))
    }
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_are_allowed_and_no_longer_ones() {
        for (rule, letter) in [(ACCOUNT, "a"), (MODEL, "A"), (SERVED, "/")] {
            assert!(rule.allows(&letter.repeat(rule.longest)));
            assert!(!rule.allows(&letter.repeat(rule.longest + 1)));
        }
    }

    #[test]
    fn a_name_begins_and_ends_with_a_letter_or_a_digit() {
        for bad in ["", "-a", "a-", ".", "a b", "a\u{e4}", "A", "a;b", "a\nb"] {
            assert!(!ACCOUNT.allows(bad), "{bad:?}");
        }
        for good in ["a", "0", "a.b_c-d"] {
            assert!(ACCOUNT.allows(good), "{good:?}");
        }
        assert!(MODEL.allows("meta-llama/Llama-3.1:free"));
        assert!(!MODEL.allows("/models/x.gguf"));
        assert!(SERVED.allows("/models/x.gguf"));
        assert!(!SERVED.allows("a b"));
    }
}
