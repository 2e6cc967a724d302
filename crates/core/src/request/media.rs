//! Images, sound, video and documents in a request: how many it holds or names, and which of its
//! bytes are theirs.
//!
//! They are found by the `type` of an object and by the names of its members, after OpenAI's and
//! Anthropic's API references and vLLM's parsers of content. What only looks like media costs its
//! sender a reservation; what is never content (tools, schemas, arguments of calls) is not looked
//! at.

use super::object::{fold, unescape};
use super::tokens::{Token, Tokens};
use crate::api::Api;

/// Objects in objects that are told apart; real content does so five times. Deeper ones count as
/// one, each of their media for itself.
const DEEPEST: usize = 32;
/// As how many images a document or a video counts that is only named.
const PAGES: u64 = 8;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Media {
    /// Of every kind.
    pub(super) count: u64,
    /// Those that may have any number of tokens: all but images.
    pub(super) unsized_count: u64,
    /// As how many images they usually count. A document that stands in the body counts by its
    /// bytes instead.
    pub(super) as_images: u64,
    /// Bytes in the body that are media and no text.
    pub(super) inline: u64,
}

/// From what can be told of its size to what can't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Image,
    Sound,
    /// Also embeddings: a few bytes may stand for any number of them.
    Video,
    Document,
}

/// Looks for media in all of the body that may be content.
pub(super) fn find(api: Api, body: &str) -> Media {
    if !may_hold(body.as_bytes()) {
        return Media::default();
    }
    let mut search = Search {
        api,
        frames: vec![Frame::default()],
        beyond: 0,
    };
    search.run(Tokens::new(body));
    // Of a valid body, one frame is left.
    let mut frames = search.frames.into_iter();
    frames.next().unwrap_or_default().found
}

/// Whether any string begins as a name of media does, or hides how it begins. One pass over the
/// quotes is all that a chat without media costs.
fn may_hold(body: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 7] = [
        b"image", b"input_", b"audio", b"video", b"file", b"docum", b"multim",
    ];
    let behind = |at: usize| body.get(at.saturating_add(1)..).unwrap_or_default();
    let may_begin = |at: usize| {
        let rest = behind(at);
        let first = rest.first().map(u8::to_ascii_lowercase);
        let begin_so = BEGINNINGS
            .iter()
            .filter(|word| first == word.first().copied());
        let mut starts = begin_so.map(|word| rest.get(..word.len()).zip(Some(word)));
        starts.any(|start| start.is_some_and(|(start, word)| start.eq_ignore_ascii_case(word)))
    };
    let is_escaped = |at: usize| behind(at).starts_with(b"u00");
    memchr::memchr_iter(b'"', body).any(may_begin)
        || memchr::memchr_iter(b'\\', body).any(is_escaped)
}

struct Search {
    api: Api,
    /// The objects and lists that are open, below the body itself.
    frames: Vec<Frame>,
    /// Those beyond the deepest.
    beyond: u64,
}

/// What one object or list holds so far.
#[derive(Default)]
struct Frame {
    /// Its own kinds, by `type`.
    typed: u64,
    /// Its own kinds, by the names of its members.
    keyed: u64,
    type_kind: Option<Kind>,
    key_kind: Option<Kind>,
    /// Whether it or what it holds brings data, rather than naming it.
    has_data: bool,
    /// Bytes that are media if it is, or the object around it.
    pending: u64,
    /// In what it holds.
    found: Media,
}

impl Search {
    fn run(&mut self, mut tokens: Tokens<'_>) {
        let mut key = String::new();
        while let Some(token) = tokens.next() {
            match token {
                Token::Object | Token::Array => self.open(),
                Token::End => self.close(),
                Token::Key(name) => {
                    key = fold(unescape(name)).into_owned();
                    if self.is_no_content(&key) {
                        if let Some(value) = tokens.next() {
                            tokens.skip(value);
                        }
                    } else {
                        self.member(&key);
                    }
                }
                Token::Text(text) => self.text(&key, text),
                Token::Scalar | Token::Null => {}
            }
        }
    }

    fn open(&mut self) {
        if self.frames.len() > DEEPEST {
            self.beyond = self.beyond.saturating_add(1);
        } else {
            self.frames.push(Frame::default());
        }
    }

    fn close(&mut self) {
        if self.beyond > 0 {
            self.beyond = self.beyond.saturating_sub(1);
        } else if self.frames.len() > 1
            && let Some(frame) = self.frames.pop()
            && let Some(around) = self.frames.last_mut()
        {
            around.has_data |= frame.has_data;
            let (found, pending) = frame.total();
            around.pending = around.pending.saturating_add(pending);
            around.found = around.found.and(found);
        }
    }

    /// Top-level members that describe tools and answers, and what a tool was called with.
    fn is_no_content(&self, key: &str) -> bool {
        let is_messages = matches!(self.api, Api::Messages | Api::CountTokens);
        match (self.frames.len(), key) {
            (
                2,
                "tools" | "functions" | "tool_choice" | "response_format" | "output_format"
                | "output_config" | "structured_outputs" | "guided_json" | "json_schema"
                | "metadata",
            ) => true,
            (2, "text") => self.api == Api::Responses,
            (3.., "input") => is_messages,
            _ => false,
        }
    }

    fn member(&mut self, key: &str) {
        let is_messages = matches!(self.api, Api::Messages | Api::CountTokens);
        let kind = match key {
            "image" | "image_url" | "input_image" | "image_pil" => Kind::Image,
            "audio_url" | "input_audio" | "audio_embeds" => Kind::Sound,
            "video" | "video_url" | "input_video" | "image_embeds" | "multimodal_data" => {
                Kind::Video
            }
            "file" | "file_data" | "file_id" | "file_url" if !is_messages => Kind::Document,
            _ => {
                if let ("data" | "content", Some(frame)) = (key, self.frames.last_mut()) {
                    frame.has_data = true;
                }
                return;
            }
        };
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        frame.has_data |= key == "file_data";
        if self.beyond > 0 {
            frame.found = frame.found.and(Media::of(kind, 1, false));
        } else {
            frame.keyed = frame.keyed.saturating_add(1);
            frame.key_kind = frame.key_kind.max(Some(kind));
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        if let ("url" | "image_url" | "data" | "file_data" | "result", Some(bytes)) =
            (key, data(text))
        {
            frame.pending = frame.pending.saturating_add(bytes);
        }
        let ("type", Some(kind)) = (key, of_type(&unescape(text))) else {
            return;
        };
        if self.beyond > 0 {
            frame.found = frame.found.and(Media::of(kind, 1, false));
        } else {
            frame.typed = frame.typed.saturating_add(1);
            frame.type_kind = frame.type_kind.max(Some(kind));
        }
    }
}

/// What an object of this `type` is.
fn of_type(name: &str) -> Option<Kind> {
    match name {
        "image" | "image_url" | "input_image" | "computer_screenshot" | "image_generation_call" => {
            Some(Kind::Image)
        }
        "audio" | "audio_url" | "input_audio" | "audio_embeds" => Some(Kind::Sound),
        "video" | "video_url" | "input_video" | "image_embeds" => Some(Kind::Video),
        "input_file" | "document" => Some(Kind::Document),
        _ => None,
    }
}

impl Frame {
    /// What it and all in it come to, and the bytes that may still be some media's. A medium and
    /// what it holds (`image_url` in `image_url`, `file_id` in `file`) are one.
    fn total(self) -> (Media, u64) {
        let Some(kind) = self.type_kind.or(self.key_kind) else {
            return (self.found, self.pending);
        };
        let own = Media::of(kind, self.typed.max(self.keyed), self.has_data);
        let mut found = own.or(self.found);
        if kind != Kind::Document {
            found.inline = found.inline.saturating_add(self.pending);
        }
        (found, 0)
    }
}

impl Media {
    fn of(kind: Kind, count: u64, has_data: bool) -> Self {
        let each = match kind {
            Kind::Image | Kind::Sound => 1,
            Kind::Document if has_data => 0,
            Kind::Video | Kind::Document => PAGES,
        };
        Self {
            count,
            unsized_count: if kind == Kind::Image { 0 } else { count },
            as_images: each.saturating_mul(count),
            inline: 0,
        }
    }

    /// Both.
    fn and(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// The same media, found twice.
    fn or(self, other: Self) -> Self {
        self.with(other, u64::max)
    }

    fn with(self, other: Self, combine: fn(u64, u64) -> u64) -> Self {
        Self {
            count: combine(self.count, other.count),
            unsized_count: combine(self.unsized_count, other.unsized_count),
            as_images: combine(self.as_images, other.as_images),
            inline: combine(self.inline, other.inline),
        }
    }
}

/// The length of what is long and can't be prose.
fn data(text: &str) -> Option<u64> {
    let is_digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let data = text.rsplit(',').next().unwrap_or_default();
    let is_data = data.len() > 64 && data.bytes().all(is_digit);
    is_data.then(|| u64::try_from(data.len()).unwrap_or(u64::MAX))
}
