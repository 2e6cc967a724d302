//! The usage report that a document holds: its text, once it is whole.

/// Largest usage report that is kept; some tell of each step of the work.
const LARGEST: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Report {
    text: Vec<u8>,
    /// While it is being read: how many containers are open around it.
    around: Option<usize>,
    is_new: bool,
}

impl Report {
    /// Forgets it, keeping its memory.
    pub(super) fn reset(&mut self) {
        self.text.clear();
        self.around = None;
        self.is_new = false;
    }

    /// Begins where so many containers are open, unless it lies in another one.
    pub(super) fn begin(&mut self, depth: usize) -> bool {
        let begins = self.around.is_none();
        if begins {
            self.around = Some(depth);
            self.text.clear();
            self.is_new = true;
        }
        begins
    }

    /// Whether it ends where so many containers are left open.
    pub(super) fn end(&mut self, depth: usize) -> bool {
        let ends = self.around == Some(depth);
        if ends {
            self.around = None;
        }
        ends
    }

    /// Whether it is being read.
    pub(super) fn is_open(&self) -> bool {
        self.around.is_some()
    }

    /// Whether there is none, and none has begun.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Keeps what lies before `after` in `bytes`, as far as there is room.
    pub(super) fn keep(&mut self, bytes: &[u8], after: &[u8]) {
        let room = LARGEST.saturating_sub(self.text.len());
        let length = bytes.len().saturating_sub(after.len()).min(room);
        let piece = bytes.get(..length).unwrap_or_default();
        self.text.extend_from_slice(piece);
    }

    /// The text of the last whole one.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        let is_whole = !self.text.is_empty() && self.around.is_none();
        is_whole.then_some(self.text.as_slice())
    }

    /// The same, once for each report.
    pub(super) fn new_one(&mut self) -> Option<&[u8]> {
        let is_new = self.is_new && self.whole().is_some();
        self.is_new &= !is_new;
        self.whole().filter(|_| is_new)
    }
}
