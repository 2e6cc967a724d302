//! How large a request is, and how large its answer may become: what reservations are made from.
//!
//! Fields follow OpenAI's and Anthropic's API references, and vLLM's additions to them.

use super::object::{Edits, Object};
use super::tokens::{Token, Tokens};
use super::{media, value};
use crate::api::Api;
use crate::refusal::Refusal;

/// What a request says of its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Of the body, without token ids.
    pub bytes: u64,
    /// Those of them that are media rather than text.
    pub inline: u64,
    /// Prompt tokens that it gives by their ids.
    pub ids: u64,
    /// Images, and other media, that it holds or names.
    pub images: u64,
    /// As how many images they usually count.
    pub as_images: u64,
    /// Those of them that may have any number of tokens.
    pub unsized_media: u64,
    /// The field that may make a prompt of any length, whatever it has of bytes. Known only where
    /// the worst case is asked for.
    pub unbounded: Option<&'static str>,
    /// How often a server adds text of its own for its tools; known likewise.
    pub tool_texts: u64,
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

/// Reads it, but for what only the worst case asks for.
///
/// # Errors
/// 400 for numbers that are none, and for two maxima that differ.
pub(super) fn read(api: Api, object: &Object<'_>, body: &str) -> Result<Size, Refusal> {
    let media = media::find(api, body);
    let (ids, id_bytes) = ids(api, object)?;
    let (max_output, is_foreign) = max_output(api, object)?;
    Ok(Size {
        bytes: length(body).saturating_sub(id_bytes),
        inline: media.inline,
        ids,
        images: media.count,
        as_images: media.as_images,
        unsized_media: media.unsized_count,
        unbounded: None,
        tool_texts: 0,
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
        if tokens == 0 && api != Api::Completions {
            // Servers differ in whether that is no token or no maximum.
            return Err(value::invalid(field, "must be at least 1"));
        }
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

/// Token ids that stand in place of a text, and the bytes that they take.
fn ids(api: Api, object: &Object<'_>) -> Result<(u64, u64), Refusal> {
    let field = match api {
        Api::Completions => "prompt",
        Api::Embeddings => "input",
        _ => return Ok((0, 0)),
    };
    let list = object.value(field)?;
    let Some(list) = list.filter(|list| list.starts_with('[') && !list.contains(['"', '{'])) else {
        return Ok((0, 0));
    };
    let mut tokens = Tokens::new(list);
    let ids = std::iter::from_fn(|| tokens.next()).filter(|&token| token == Token::Scalar);
    Ok((u64::try_from(ids.count()).unwrap_or(u64::MAX), length(list)))
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// Prompts in lists of texts or of token lists; a single list of tokens is one.
fn prompts(api: Api, object: &Object<'_>) -> Result<u64, Refusal> {
    let fields: &[&str] = match api {
        Api::Completions => &["prompt", "prompt_embeds"],
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
    let mut prompts: u64 = 0;
    for field in fields {
        if let Some(list) = object.value(field)? {
            let more = elements(list).max(1);
            prompts = match api {
                Api::Completions => prompts.saturating_add(more),
                _ => prompts.max(more),
            };
        }
    }
    Ok(prompts.max(1))
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
