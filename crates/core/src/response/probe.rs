//! Finds a few places in JSON that arrives in pieces, in memory that does not grow with it: the
//! usage report, whether `choices` is empty, and how much content there is.
//!
//! It is not a validator. What it can't make sense of it does not report.

mod report;

use self::report::Report;
use super::place::{Key, Place};

/// Containers that are told apart; deeper ones are only counted.
const WATCHED_DEPTH: usize = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lexeme {
    /// Between tokens, or inside a number or word.
    #[default]
    Gap,
    Text,
    /// After a backslash in a string.
    Escape,
}

#[derive(Clone, Copy, Debug, Default)]
struct Container {
    place: Place,
    is_object: bool,
}

impl Container {
    /// Whether it has keys that matter: what is elsewhere stays elsewhere.
    fn has_keys(self) -> bool {
        self.is_object && self.place != Place::Elsewhere
    }
}

/// What `choices` of the root was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Choices {
    #[default]
    Unseen,
    Empty,
    Filled,
}

/// A reader of one JSON document after another; see [`Probe::reset`].
#[derive(Debug, Default)]
pub(super) struct Probe {
    lexeme: Lexeme,
    /// Open containers.
    depth: usize,
    containers: [Container; WATCHED_DEPTH],
    /// The innermost open one, if it is watched.
    innermost: Container,
    /// Whether the next string is a key of the innermost container, and matters.
    expects_key: bool,
    in_key: bool,
    key: Key,
    /// Whether the string being read is content, and not yet counted.
    content_pending: bool,
    report: Report,
    report_ends: bool,
    choices: Choices,
    /// The document is not an object, or it is one that tells of an error.
    foreign: bool,
    deltas: u64,
    /// `deltas` before this document.
    deltas_before: u64,
    /// Pieces of this document so far.
    pieces: u32,
    /// How far from the end of its piece the last content began.
    content_from_end: usize,
}

impl Probe {
    /// Forgets the document, keeping its memory; the count of deltas goes on.
    pub(super) fn reset(&mut self) {
        let mut report = std::mem::take(&mut self.report);
        report.reset();
        *self = Self {
            report,
            deltas: self.deltas,
            deltas_before: self.deltas,
            ..Self::default()
        };
    }

    /// The text of the last complete usage object, at most 64 KiB of it.
    pub(super) fn report(&self) -> Option<&[u8]> {
        self.report.whole()
    }

    /// The same, once for each report.
    pub(super) fn new_report(&mut self) -> Option<&[u8]> {
        self.report.new_one()
    }

    /// What `choices` was.
    pub(super) fn choices(&self) -> Choices {
        self.choices
    }

    /// Non-empty pieces of content seen in `delta`s and streamed `text`s, in all documents.
    pub(super) fn deltas(&self) -> u64 {
        self.deltas
    }

    /// Whether the document is something else than an object that tells of generation.
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Where the document's only content begins, in bytes before the end of the first of its two
    /// pieces. `None`: there are more or fewer, or it tells of more than content.
    pub(super) fn only_content(&self) -> Option<usize> {
        let is_only = self.deltas.checked_sub(self.deltas_before) == Some(1);
        let plain = self.report.is_empty() && !self.foreign;
        (is_only && plain && self.pieces == 2).then_some(self.content_from_end)
    }

    /// Counts a document like one that had one content, without reading it.
    pub(super) fn count_repeated(&mut self) {
        self.deltas = self.deltas.saturating_add(1);
        self.deltas_before = self.deltas;
    }

    /// Reads on.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pieces = self.pieces.saturating_add(1);
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.push_to_report(rest);
        }
    }

    /// Reads to the end of the next report, and returns what follows.
    pub(super) fn push_to_report<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let mut rest = bytes;
        // From here on `bytes` belong to the report, while one is being read.
        let mut of_report = bytes;
        while !rest.is_empty() {
            rest = match self.lexeme {
                Lexeme::Gap if self.depth == 0 => self.outside(rest),
                Lexeme::Gap => self.gap(rest, &mut of_report),
                Lexeme::Text => self.text(rest),
                Lexeme::Escape => self.escaped(rest),
            };
            if std::mem::take(&mut self.report_ends) {
                return rest;
            }
        }
        if self.report.is_open() {
            self.report.keep(of_report, &[]);
        }
        rest
    }

    /// Reads to the first byte of the document, and returns what follows.
    fn outside<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let document = bytes.trim_ascii_start();
        let Some((&byte, after)) = document.split_first() else {
            return document;
        };
        self.foreign |= byte != b'{';
        match byte {
            b'"' => self.begin_text(),
            b'{' | b'[' => _ = self.open(byte == b'{'),
            _ => {}
        }
        after
    }

    /// Reads what is not in a string, and returns what follows.
    fn gap<'b>(&mut self, bytes: &'b [u8], of_report: &mut &'b [u8]) -> &'b [u8] {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            match byte {
                b'"' => {
                    self.begin_text();
                    return after;
                }
                b':' => self.expects_key = false,
                b',' => self.expects_key = self.innermost.has_keys(),
                b'{' | b'[' => {
                    let begins_report = self.open(byte == b'{');
                    if begins_report {
                        *of_report = rest;
                    }
                }
                b'}' | b']' => {
                    let ends_report = self.close();
                    if ends_report {
                        self.report.keep(of_report, after);
                        self.report_ends = true;
                    }
                    if self.depth == 0 || ends_report {
                        return after;
                    }
                }
                _ => {}
            }
            rest = after;
        }
        rest
    }

    /// Reads what is in a string, and returns what follows.
    fn text<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let length = memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        let (text, end) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        self.note_text(text, end.len());
        let Some((&end, after)) = end.split_first() else {
            return end;
        };
        if end == b'\\' {
            self.lexeme = Lexeme::Escape;
        } else {
            self.end_text();
        }
        after
    }

    /// Reads what a backslash escapes: nothing that is recognised is written so.
    fn escaped<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (escaped, after) = bytes.split_at_checked(1).unwrap_or((bytes, &[]));
        self.note_text(escaped, after.len());
        self.lexeme = Lexeme::Text;
        after
    }

    /// Says whether a usage report begins.
    fn open(&mut self, is_object: bool) -> bool {
        let place = match self.depth {
            0 => Place::Root,
            _ => self.place().child(self.key.bytes()),
        };
        self.note_choice();
        if place == Place::Choices {
            self.choices = Choices::Empty;
        }
        let begins_report = place == Place::Usage && self.report.begin(self.depth);
        self.innermost = Container::default();
        if let Some(container) = self.containers.get_mut(self.depth) {
            *container = Container { place, is_object };
            self.innermost = *container;
        }
        self.depth = self.depth.saturating_add(1);
        self.expects_key = self.innermost.has_keys();
        self.key.clear();
        begins_report
    }

    /// Says whether a usage report ends.
    fn close(&mut self) -> bool {
        self.depth = self.depth.saturating_sub(1);
        let around = self.depth.checked_sub(1);
        self.innermost = around
            .and_then(|around| self.containers.get(around).copied())
            .unwrap_or_default();
        self.expects_key = false;
        self.key.clear();
        self.report.end(self.depth)
    }

    fn begin_text(&mut self) {
        self.lexeme = Lexeme::Text;
        self.in_key = self.expects_key;
        if self.in_key {
            self.key.clear();
        } else {
            self.content_pending = self.place().is_content(self.key.bytes());
            self.note_choice();
        }
    }

    /// `behind`: how many bytes of the piece follow.
    fn note_text(&mut self, text: &[u8], behind: usize) {
        if self.in_key {
            self.key.push(text);
        } else if self.content_pending && !text.is_empty() {
            self.content_pending = false;
            self.deltas = self.deltas.saturating_add(1);
            self.content_from_end = text.len().saturating_add(behind);
        }
    }

    fn end_text(&mut self) {
        self.lexeme = Lexeme::Gap;
        if self.in_key {
            self.foreign |= self.place() == Place::Root && self.key.bytes() == b"error";
            self.in_key = false;
        }
        self.content_pending = false;
    }

    /// Anything inside `choices` makes it filled.
    fn note_choice(&mut self) {
        if self.place() == Place::Choices {
            self.choices = Choices::Filled;
        }
    }

    fn place(&self) -> Place {
        self.innermost.place
    }
}

#[cfg(test)]
mod tests;
