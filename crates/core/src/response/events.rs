//! Where server-sent events begin and end, whatever the pieces they arrive in (WHATWG HTML
//! standard, §9.2.5–9.2.6: a byte order mark may come first, lines end in LF, CR or CRLF, and a blank
//! line ends an event).

use super::probe::Probe;

/// How far one call got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An event ended with this many bytes.
    Event(usize),
    /// The first byte is the LF of a CRLF whose CR ended the event before.
    LateLineFeed,
    /// Everything was read; the event goes on.
    Unfinished,
}

/// Reads events and hands their data to a probe.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    line: Line,
    after_cr: AfterCr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// At the beginning of the stream: so many bytes of a byte order mark were read.
    Mark(usize),
    /// So many bytes of `data:` were read, and nothing else.
    Name(usize),
    /// After `data:`; one space does not count.
    DataStart,
    Data,
    /// A comment or another field.
    Other,
}

impl Default for Line {
    fn default() -> Self {
        Self::Mark(0)
    }
}

/// Whether the last byte was a CR, and what it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AfterCr {
    #[default]
    No,
    Line,
    Event,
}

const MARK: &[u8] = "\u{feff}".as_bytes();
const DATA: &[u8] = b"data:";

impl EventReader {
    /// Whether the next byte begins a line, and nothing of a line end is awaited.
    pub(super) fn is_at_line(&self) -> bool {
        (self.line, self.after_cr) == (Line::Name(0), AfterCr::No)
    }

    /// Reads to the end of the event or of `bytes`.
    pub(super) fn advance(&mut self, bytes: &[u8], data: &mut Probe) -> Step {
        if bytes.is_empty() {
            return Step::Unfinished;
        }
        let mut rest = bytes;
        let after_cr = std::mem::take(&mut self.after_cr);
        if let Some(after) = rest.strip_prefix(b"\n") {
            match after_cr {
                AfterCr::Event => return Step::LateLineFeed,
                AfterCr::Line => rest = after,
                AfterCr::No => {}
            }
        }
        while let Some(length) = memchr::memchr2(b'\n', b'\r', rest) {
            let (piece, terminator) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            self.piece(piece, data);
            rest = terminator
                .strip_prefix(b"\r\n")
                .or(terminator.get(1..))
                .unwrap_or_default();
            let lone_cr = terminator == b"\r";
            if self.end_of_line(data) {
                self.after_cr = if lone_cr { AfterCr::Event } else { AfterCr::No };
                return Step::Event(bytes.len().saturating_sub(rest.len()));
            }
            self.after_cr = if lone_cr { AfterCr::Line } else { AfterCr::No };
        }
        self.piece(rest, data);
        Step::Unfinished
    }

    /// Reads a part of a line.
    fn piece(&mut self, mut piece: &[u8], data: &mut Probe) {
        while let Some((&byte, rest)) = piece.split_first() {
            self.line = match self.line {
                Line::Mark(read) if MARK.get(read) == Some(&byte) => {
                    let read = read.saturating_add(1);
                    if read == MARK.len() {
                        Line::Name(0)
                    } else {
                        Line::Mark(read)
                    }
                }
                Line::Mark(0) => {
                    self.line = Line::Name(0);
                    continue;
                }
                Line::Name(read) if DATA.get(read) == Some(&byte) => {
                    let read = read.saturating_add(1);
                    if read == DATA.len() {
                        Line::DataStart
                    } else {
                        Line::Name(read)
                    }
                }
                Line::DataStart if byte == b' ' => Line::Data,
                Line::DataStart | Line::Data => {
                    self.line = Line::Data;
                    return data.push(piece);
                }
                Line::Mark(_) | Line::Name(_) | Line::Other => {
                    self.line = Line::Other;
                    return;
                }
            };
            piece = rest;
        }
    }

    /// Whether the line that ends was blank.
    fn end_of_line(&mut self, data: &mut Probe) -> bool {
        let line = std::mem::replace(&mut self.line, Line::Name(0));
        if matches!(line, Line::DataStart | Line::Data) {
            data.push(b"\n");
        }
        matches!(line, Line::Mark(0) | Line::Name(0))
    }
}
