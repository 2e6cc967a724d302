//! A lexer for JSON that is known to be valid: what must be looked for deep inside a body is found
//! in one pass over it, without memory. It decodes nothing.

/// One token; strings stand as they are written, between their quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Object,
    Array,
    /// Of an object or an array.
    End,
    Key(&'a str),
    Text(&'a str),
    /// A number, `true` or `false`.
    Scalar,
    Null,
}

/// The tokens of a valid JSON text. Of an invalid one it yields some tokens, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
        let bytes = self.rest.as_bytes().iter();
        let begins = bytes.take_while(|byte| is_between(byte)).count();
        self.advance(begins);
        let first = *self.rest.as_bytes().first()?;
        let token = match first {
            b'{' => Token::Object,
            b'[' => Token::Array,
            b'}' | b']' => Token::End,
            b'"' => return self.string(),
            _ => return self.scalar(first),
        };
        self.advance(1);
        Some(token)
    }

    /// Goes to the end of the value that `token` begins.
    pub(super) fn skip(&mut self, token: Token<'a>) {
        let mut depth = usize::from(matches!(token, Token::Object | Token::Array));
        while depth > 0 {
            let is_structure = |byte: &u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b'"');
            let Some(at) = self.rest.as_bytes().iter().position(is_structure) else {
                self.rest = "";
                return;
            };
            self.advance(at);
            depth = match self.next() {
                Some(Token::Object | Token::Array) => depth.saturating_add(1),
                Some(Token::End) => depth.saturating_sub(1),
                _ => depth,
            };
        }
    }

    fn string(&mut self) -> Option<Token<'a>> {
        self.advance(1);
        let end = end_of_string(self.rest.as_bytes())?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        self.advance(1);
        let after = self.rest.as_bytes().trim_ascii_start();
        Some(if after.starts_with(b":") {
            Token::Key(text)
        } else {
            Token::Text(text)
        })
    }

    fn scalar(&mut self, first: u8) -> Option<Token<'a>> {
        let ends = |c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace();
        self.advance(self.rest.find(ends).unwrap_or(self.rest.len()));
        Some(if first == b'n' {
            Token::Null
        } else {
            Token::Scalar
        })
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

/// Where the closing quote stands.
fn end_of_string(bytes: &[u8]) -> Option<usize> {
    let mut from: usize = 0;
    loop {
        let found = memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        let at = from.checked_add(found)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        from = at.checked_add(2)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Token<'_>> {
        let mut tokens = Tokens::new(text);
        std::iter::from_fn(|| tokens.next()).collect()
    }

    #[test]
    fn every_kind_of_token() {
        use Token::{Array, End, Key, Null, Object, Scalar, Text};
        assert_eq!(
            all(r#" {"a\"\\" : [ 1,-2.5e3 ,true, null,"x" ],"b":{}} "#),
            [
                Object,
                Key(r#"a\"\\"#),
                Array,
                Scalar,
                Scalar,
                Scalar,
                Null,
                Text("x"),
                End,
                Key("b"),
                Object,
                End,
                End
            ]
        );
        assert_eq!(all(r#"["\\",":"]"#), [Array, Text(r"\\"), Text(":"), End]);
    }

    #[test]
    fn skipping_goes_to_the_end_of_a_value() {
        let mut tokens = Tokens::new(r#"[{"a":["}",{"b":"\"]"}]},7]"#);
        assert_eq!(tokens.next(), Some(Token::Array));
        let first = tokens.next().unwrap();
        tokens.skip(first);
        assert_eq!(tokens.next(), Some(Token::Scalar));
        tokens.skip(Token::Scalar);
        assert_eq!(tokens.next(), Some(Token::End));
    }

    #[test]
    fn broken_text_ends() {
        for text in ["\"", "{\"a", "[\"\\", "{{{{", "}]", "nul", "\u{e9}"] {
            let mut tokens = Tokens::new(text);
            while let Some(token) = tokens.next() {
                tokens.skip(token);
            }
        }
    }
}
