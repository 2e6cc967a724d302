//! How large a request is, and how large its answer may become: what reservations are made from.
//!
//! Fields follow OpenAI's and Anthropic's API references, and vLLM's additions to them.

use super::object::{Edits, Object, fold, unescape};
use super::tokens::{Token, Tokens};
use super::value;
use crate::api::Api;
use crate::refusal::Refusal;

/// What a request says of its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Of the body.
    pub bytes: u64,
    /// Those of them that are media rather than text.
    pub inline: u64,
    /// Images, and other media, that it holds or names.
    pub images: u64,
    /// Prompts in it; each may be answered.
    pub prompts: u64,
    /// Whether all of it may be read with each prompt (a query with each document).
    pub is_shared: bool,
    /// Answers to each prompt, also those that are made and thrown away.
    pub choices: u64,
    /// The most output tokens that it asks for, of each answer.
    pub max_output: Option<u32>,
    /// Whether it asks by a field that not every server of its API obeys.
    pub is_foreign: bool,
}

/// Fields that name the most output tokens: those of the API, of which the first is preferred, and
/// those that some servers obey besides. llama.cpp prefers `n_predict` to all others.
fn fields(api: Api) -> (&'static [&'static str], &'static [&'static str]) {
    match api {
        Api::ChatCompletions => (&["max_completion_tokens", "max_tokens"], &["n_predict"]),
        Api::Completions | Api::Messages => {
            (&["max_tokens"], &["max_completion_tokens", "n_predict"])
        }
        Api::Responses => (
            &["max_output_tokens"],
            &["max_tokens", "max_completion_tokens", "n_predict"],
        ),
        Api::Embeddings | Api::CountTokens | Api::Rerank | Api::Score => (&[], &[]),
    }
}

/// Reads it.
///
/// # Errors
/// 400 for numbers that are none, and for two maxima that differ.
pub(super) fn read(api: Api, object: &Object<'_>, body: &str) -> Result<Size, Refusal> {
    let media = media(body);
    let (max_output, is_foreign) = max_output(api, object)?;
    Ok(Size {
        bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
        inline: media.inline,
        images: media.types.max(media.keys),
        prompts: prompts(api, object)?,
        is_shared: matches!(api, Api::Rerank | Api::Score),
        choices: choices(api, object)?,
        max_output,
        is_foreign,
    })
}

/// Writes the most output tokens into the field that this API's servers obey, and takes its rivals
/// away.
pub(super) fn bind(api: Api, max_output: u32, edits: &mut Edits) {
    let (own, foreign) = fields(api);
    let mut fields = own.iter().chain(foreign);
    let Some(field) = fields.next() else {
        return;
    };
    edits.set(field, max_output.to_string());
    fields.for_each(|rival| edits.remove(rival));
}

/// The maximum, and whether a foreign field names it.
fn max_output(api: Api, object: &Object<'_>) -> Result<(Option<u32>, bool), Refusal> {
    let (own, foreign) = fields(api);
    let mut found: Option<(&str, u32)> = None;
    let mut is_foreign = false;
    for field in own.iter().chain(foreign) {
        let Some(text) = object.value(field)? else {
            continue;
        };
        let tokens = whole(field, text)?;
        if let Some((other, _)) = found.filter(|(_, known)| *known != tokens) {
            let problem = format!("differs from '{other}': send one of them");
            return Err(value::invalid(field, &problem));
        }
        found = Some((field, tokens));
        is_foreign = foreign.contains(field);
    }
    Ok((found.map(|(_, tokens)| tokens), is_foreign))
}

/// Answers to each prompt: OpenAI's `n`, vLLM's `best_of`, llama.cpp's `n_cmpl`.
fn choices(api: Api, object: &Object<'_>) -> Result<u64, Refusal> {
    let mut choices = 1;
    for field in ["n", "best_of", "n_cmpl"] {
        if api.has_output()
            && let Some(text) = object.value(field)?
        {
            choices = choices.max(whole(field, text)?);
        }
    }
    Ok(choices.into())
}

fn whole(field: &str, text: &str) -> Result<u32, Refusal> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or_else(|| value::invalid(field, "must be a whole number of at most 4294967295"))
}

/// Prompts in lists of texts or of token lists; a single list of tokens is one.
fn prompts(api: Api, object: &Object<'_>) -> Result<u64, Refusal> {
    let fields: &[&str] = match api {
        Api::Completions => &["prompt"],
        Api::Embeddings => &["input"],
        Api::Rerank => &["documents"],
        Api::Score => &[
            "text_1",
            "text_2",
            "queries",
            "documents",
            "items",
            "data_1",
            "data_2",
        ],
        _ => &[],
    };
    let mut prompts = 1;
    for field in fields {
        if let Some(list) = object.value(field)? {
            prompts = prompts.max(elements(list));
        }
    }
    Ok(prompts)
}

/// Elements of a list that are no numbers.
fn elements(list: &str) -> u64 {
    let mut tokens = Tokens::new(list);
    let mut elements: u64 = 0;
    if tokens.next() == Some(Token::Array) {
        while let Some(token) = tokens.next().filter(|&token| token != Token::End) {
            tokens.skip(token);
            if token != Token::Scalar {
                elements = elements.saturating_add(1);
            }
        }
    }
    elements
}

/// What could be images, sound or video.
#[derive(Default)]
struct Media {
    /// By `"type"`.
    types: u64,
    /// By the name of a member.
    keys: u64,
    /// Bytes of those that stand in the body.
    inline: u64,
}

/// Looks for media in all of the body: what only looks like some costs its sender a reservation.
fn media(body: &str) -> Media {
    let mut media = Media::default();
    if !may_hold_media(body.as_bytes()) {
        return media;
    }
    let mut tokens = Tokens::new(body);
    let mut key = String::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Key(name) => {
                key = fold(unescape(name)).into_owned();
                let is_media = is_media(&key);
                media.keys = media.keys.saturating_add(u64::from(is_media));
            }
            Token::Text(text) if key == "type" && is_media(&unescape(text)) => {
                media.types = media.types.saturating_add(1);
            }
            Token::Text(text) if matches!(&*key, "url" | "image_url" | "data" | "file_data") => {
                media.add_inline(text);
            }
            _ => {}
        }
    }
    media
}

/// Whether any string begins as a name of media does, or hides how it begins. One pass over the
/// quotes is all that a chat without media costs.
fn may_hold_media(body: &[u8]) -> bool {
    let may_begin = |at: usize| {
        let rest = body.get(at.saturating_add(1)..).unwrap_or_default();
        let begins = |word: &[u8]| {
            let start = rest.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        [&b"image"[..], b"input_", b"audio", b"video"]
            .into_iter()
            .any(begins)
    };
    let is_escaped = || memchr::memmem::find(body, b"\\u00").is_some();
    memchr::memchr_iter(b'"', body).any(may_begin) || is_escaped()
}

fn is_media(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "image",
        "image_url",
        "input_image",
        "image_embeds",
        "image_pil",
        "audio_url",
        "input_audio",
        "video",
        "video_url",
        "input_video",
    ];
    NAMES.contains(&name)
}

impl Media {
    /// Of what is long and can't be prose.
    fn add_inline(&mut self, text: &str) {
        let is_digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        let data = text.rsplit(',').next().unwrap_or_default();
        if data.len() > 64 && data.bytes().all(is_digit) {
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            self.inline = self.inline.saturating_add(length);
        }
    }
}
