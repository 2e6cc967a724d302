//! What is wrong in a rule file, where, and how to mend it.

use serde_saphyr::{Location, Spanned};

/// A stretch of a source's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// Index into the sources.
    pub file: usize,
    /// Byte offset of its first character.
    pub start: usize,
    /// Byte offset after its last character; may equal `start`.
    pub end: usize,
}

impl Site {
    /// Where a value was written (an alias such as `*list`: where it is used).
    pub(crate) fn of<T>(file: usize, value: &Spanned<T>) -> Self {
        Self::at(file, value.referenced).unwrap_or(Self::empty(file, 0))
    }

    /// Between two characters.
    pub(crate) fn empty(file: usize, at: usize) -> Self {
        Self {
            file,
            start: at,
            end: at,
        }
    }

    /// `None` when the parser gave no byte offsets.
    pub(crate) fn at(file: usize, location: Location) -> Option<Self> {
        let span = location.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        Some(Site {
            file,
            start,
            end: start + length,
        })
    }
}

/// A place that a diagnostic points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where.
    pub site: Site,
    /// What is there; may be empty.
    pub label: String,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, as a fact.
    pub message: String,
    /// Where; the first is the mistake itself, the others explain it.
    pub marks: Vec<Mark>,
    /// How to mend it.
    pub help: Option<String>,
    /// The marked text may be a secret: [`crate::render`] prints asterisks in its place.
    pub hidden: bool,
}

impl Diagnostic {
    pub(crate) fn new(site: Site, message: impl Into<String>) -> Self {
        let mark = Mark {
            site,
            label: String::new(),
        };
        Self {
            message: message.into(),
            marks: vec![mark],
            help: None,
            hidden: false,
        }
    }

    pub(crate) fn and(mut self, site: Site, label: impl Into<String>) -> Self {
        self.marks.push(Mark {
            site,
            label: label.into(),
        });
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn help_if(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    pub(crate) fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// The mistake itself.
    pub fn site(&self) -> Option<Site> {
        self.marks.first().map(|mark| mark.site)
    }
}
