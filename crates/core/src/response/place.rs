//! The places in an answer that tell of usage and content, by the keys that lead there: those of
//! OpenAI's chat completions, completions and responses, and of Anthropic's messages.

/// Longest key that is recognised.
const LONGEST_KEY: usize = 20;

/// A place in the document, as far as anyone asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    Elsewhere,
    Root,
    /// `usage` of the root, of `response` or of `message`; or of a choice, as Moonshot has it.
    Usage,
    /// `response` (Responses API events) or `message` (Anthropic's `message_start`).
    Holder,
    Choices,
    Choice,
    /// `delta`, and what is inside it.
    Delta,
}

impl Place {
    /// Where the value of this key belongs; an array's values have an empty one.
    pub(super) fn child(self, key: &[u8]) -> Self {
        match (self, key) {
            (Self::Usage, _) => Self::Usage,
            (Self::Root | Self::Holder | Self::Choice, b"usage") => Self::Usage,
            (Self::Root, b"response" | b"message") => Self::Holder,
            (Self::Root, b"choices") => Self::Choices,
            (Self::Choices, _) => Self::Choice,
            (Self::Root | Self::Choice, b"delta") => Self::Delta,
            (
                Self::Delta,
                b"" | b"tool_calls" | b"function" | b"function_call" | b"custom" | b"content"
                | b"thinking" | b"audio",
            ) => Self::Delta,
            _ => Self::Elsewhere,
        }
    }

    /// Whether a string under this key is generated text.
    pub(super) fn is_content(self, key: &[u8]) -> bool {
        match self {
            Self::Root => key == b"delta",
            Self::Choice => key == b"text",
            Self::Delta => matches!(
                key,
                b"content"
                    | b"text"
                    | b"reasoning"
                    | b"reasoning_content"
                    | b"thinking"
                    | b"partial_json"
                    | b"arguments"
                    | b"input"
                    | b"refusal"
                    | b"transcript"
            ),
            _ => false,
        }
    }
}

/// The key of a value, which may arrive in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Key {
    bytes: [u8; LONGEST_KEY],
    length: usize,
}

impl Key {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// A key that is too long is cut one past the longest known, so that it equals none.
    pub(super) fn push(&mut self, text: &[u8]) {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        for (place, byte) in room.iter_mut().zip(text) {
            *place = *byte;
        }
        self.length = self.length.saturating_add(text.len()).min(LONGEST_KEY);
    }
}
