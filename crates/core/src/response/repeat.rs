//! Most events of a stream are the one before with another text. Such an event is compared, which
//! costs a tenth of reading it.

/// Longest event that is remembered, in bytes.
const LONGEST: usize = 1024;

/// An event around one text: what stands before and behind it.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    before: Vec<u8>,
    behind: Vec<u8>,
}

impl Pattern {
    /// Remembers a whole event whose last line is all its data. Its text begins so many bytes before
    /// the end of that line. Events that are too long, or have other line ends than LF, are none to
    /// remember.
    pub(super) fn learn(&mut self, event: &[u8], from_end: usize) {
        self.before.clear();
        self.behind.clear();
        let Some(lines) = event.strip_suffix(b"\n\n") else {
            return;
        };
        let last_line = memchr::memrchr(b'\n', lines).map_or(0, |at| at.saturating_add(1));
        let is_data = lines
            .get(last_line..)
            .is_some_and(|l| l.starts_with(b"data:"));
        let text = lines.len().checked_sub(from_end);
        let Some((before, rest)) = text.and_then(|text| event.split_at_checked(text)) else {
            return;
        };
        if let Some(length) = plain_text(rest)
            && is_data
            && !lines.ends_with(b"\r")
            && event.len() <= LONGEST
        {
            self.before.extend_from_slice(before);
            self.behind
                .extend_from_slice(rest.get(length..).unwrap_or_default());
        }
    }

    /// How long the event is that `bytes` begin with, if it is the remembered one around some text.
    pub(super) fn length(&self, bytes: &[u8]) -> Option<usize> {
        if self.before.is_empty() {
            return None;
        }
        let rest = bytes.strip_prefix(self.before.as_slice())?;
        let behind = rest.get(plain_text(rest)?..)?;
        let left = behind.strip_prefix(self.behind.as_slice())?;
        bytes.len().checked_sub(left.len())
    }
}

/// The length of the text that a quote ends, unless it is empty or there is more to it: an escape,
/// or the end of a line.
fn plain_text(bytes: &[u8]) -> Option<usize> {
    let length = memchr::memchr2(b'"', b'\\', bytes)?;
    let (text, end) = bytes.split_at_checked(length)?;
    let is_plain = !text.is_empty() && memchr::memchr2(b'\n', b'\r', text).is_none();
    (is_plain && end.starts_with(b"\"")).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &[u8] = b"event: x\ndata: {\"a\":\"text\",\"b\":1}\n\n";
    const FROM_END: usize = "text\",\"b\":1}".len();

    fn pattern(event: &[u8], from_end: usize) -> Pattern {
        let mut pattern = Pattern::default();
        pattern.learn(event, from_end);
        pattern
    }

    #[test]
    fn the_same_event_around_another_text() {
        let pattern = pattern(EVENT, FROM_END);
        let other = b"event: x\ndata: {\"a\":\"\xc3\xa9 and more\",\"b\":1}\n\n";
        assert_eq!(pattern.length(EVENT), Some(EVENT.len()));
        assert_eq!(pattern.length(&[other, EVENT].concat()), Some(other.len()));
    }

    #[test]
    fn no_other_event() {
        let pattern = pattern(EVENT, FROM_END);
        for other in [
            &b"event: x\ndata: {\"a\":\"\",\"b\":1}\n\n"[..],
            b"event: x\ndata: {\"a\":\"\\n\",\"b\":1}\n\n",
            b"event: x\ndata: {\"a\":\"te\nxt\",\"b\":1}\n\n",
            b"event: x\ndata: {\"a\":\"text\",\"b\":2}\n\n",
            b"event: x\ndata: {\"a\":\"text\",\"b\":1}\n",
            b"data: {\"a\":\"text\",\"b\":1}\n\n",
            b"event: x\ndata: {\"a\":\"text",
            b"",
        ] {
            assert_eq!(pattern.length(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn what_is_not_remembered() {
        let long = [&b"data: \""[..], &[b'x'; LONGEST], b"\"\n\n"].concat();
        for (event, from_end) in [
            (&b"data: {\"a\":\"text\"}\r\n\n"[..], 6),
            (b"data: {\"a\":\"text\"}\nid: 1\n\n", 6),
            (b"data: {\"a\":\"text\"}\r\n\r\n", 6),
            (b"data: {\"a\":\"\\u0041\"}\n\n", 8),
            (b"data: x\n\n", 100),
            (&long, LONGEST + 1),
        ] {
            let pattern = pattern(event, from_end);
            assert_eq!(pattern.length(event), None, "{}", event.escape_ascii());
        }
    }
}
