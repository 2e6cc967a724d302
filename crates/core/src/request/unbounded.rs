//! What may make a prompt of any length from few bytes: media of unknown size, what a server keeps,
//! templates of a client's own. At worst such a prompt fills the model's context.

use super::guard;
use super::object::{Object, unescape};
use super::size::Size;
use super::tokens::{Token, Tokens};
use crate::api::Api;
use crate::document::Capability;
use crate::policy::Model;
use crate::refusal::Refusal;

/// The field that may, if there is one.
///
/// # Errors
/// 400 for a field that is given twice, and for content that is nested beyond reason.
pub(super) fn find(
    api: Api,
    object: &Object<'_>,
    size: &Size,
    model: &Model,
) -> Result<Option<&'static str>, Refusal> {
    if size.unsized_media > 0 || (size.images > 0 && model.image_tokens.is_none()) {
        return Ok(Some(content(api)));
    }
    if let Some(field) = written(api, object)? {
        return Ok(Some(field));
    }
    // Where it is not allowed, it is refused.
    if model.allows(Capability::StoredState) {
        return guard::reference(api, object);
    }
    Ok(None)
}

/// Where content stands.
fn content(api: Api) -> &'static str {
    match api {
        Api::ChatCompletions | Api::Messages | Api::CountTokens => "messages",
        Api::Completions => "prompt",
        Api::Responses | Api::Embeddings => "input",
        Api::Rerank => "documents",
        Api::Score => "data_1",
    }
}

/// What a template writes, how images are cut up, and embeddings in place of tokens. All are
/// vLLM's; llama.cpp has some of them.
fn written(api: Api, object: &Object<'_>) -> Result<Option<&'static str>, Refusal> {
    for field in [
        "chat_template",
        "mm_processor_kwargs",
        "prompt_embeds",
        "documents",
    ] {
        let is_content = field == "documents" && api != Api::ChatCompletions;
        if !is_content && object.value(field)?.is_some() {
            return Ok(Some(field));
        }
    }
    let field = "chat_template_kwargs";
    let values = object.value(field)?;
    Ok(values
        .is_some_and(|values| !is_plain(values))
        .then_some(field))
}

/// Whether these are switches and short words for a template: it may say each often, but says
/// little. `chat_template` among them replaces it.
fn is_plain(values: &str) -> bool {
    let mut tokens = Tokens::new(values);
    tokens.next() == Some(Token::Object)
        && std::iter::from_fn(|| tokens.next()).all(|token| match token {
            Token::Object | Token::Array => false,
            Token::Key(name) => unescape(name) != "chat_template",
            Token::Text(text) => text.len() <= 32,
            Token::Scalar | Token::Null | Token::End => true,
        })
}
