//! References to what a server keeps, inside messages and input items.

use super::elements::Elements;
use super::object::Object;
use super::value;
use crate::api::Api;
use crate::refusal::Refusal;

/// How deep content may nest inside content (Anthropic's tool results do).
const DEEPEST_CONTENT: u8 = 4;

/// The first reference, by the field that holds it.
///
/// # Errors
/// Content that is nested or divided beyond reason, or whose item types are no strings.
pub(super) fn find(
    api: Api,
    text: &str,
    object: &Object<'_>,
) -> Result<Option<&'static str>, Refusal> {
    let is_responses = api == Api::Responses;
    let field = if is_responses { "input" } else { "messages" };
    let Some(list) = object.value(field)? else {
        return Ok(None);
    };
    if !is_responses && !may_hold_reference(text) {
        return Ok(None);
    }
    let mut elements = Elements::default();
    for item in elements.of(field, list)? {
        let Some(item) = value::object(field, item)? else {
            continue;
        };
        if is_responses && is_item_reference(&item)? {
            return Ok(Some("input"));
        }
        if holds(&item, "audio", "id")? {
            return Ok(Some("messages.audio.id"));
        }
        if part_refers(&item, &mut elements, DEEPEST_CONTENT)? {
            return Ok(Some("file_id"));
        }
    }
    Ok(None)
}

/// Whether the text can hold a reference at all, so that most requests are not walked: the names
/// stand in it, or an escape that could spell one.
fn may_hold_reference(text: &str) -> bool {
    ["file_id", "\"audio\"", "\\u00"]
        .iter()
        .any(|needle| memchr::memmem::find(text.as_bytes(), needle.as_bytes()).is_some())
}

/// OpenAI's Responses take `{"type": "item_reference", "id"}`, the type being optional.
fn is_item_reference(item: &Object<'_>) -> Result<bool, Refusal> {
    let mut typed = false;
    for kind in item.every("type") {
        typed = true;
        if value::string("input.type", kind)? == "item_reference" {
            return Ok(true);
        }
    }
    Ok(!typed && has(item, "id") && !has(item, "role"))
}

/// Whether a content part, or a part inside it, names a file that the server keeps. Arguments of
/// tool calls (`input`, `arguments`) are the client's own and are not looked at.
fn part_refers(part: &Object<'_>, elements: &mut Elements, depth: u8) -> Result<bool, Refusal> {
    if has(part, "file_id") {
        return Ok(true);
    }
    for holder in ["file", "source", "image_file", "image_url", "output"] {
        if holds(part, holder, "file_id")? {
            return Ok(true);
        }
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(value::invalid("content", "is nested too deeply"));
    };
    for name in ["content", "output"] {
        for list in part.every(name) {
            for part in elements.of(name, list)? {
                if let Some(part) = value::object(name, part)?
                    && part_refers(&part, elements, depth)?
                {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Whether any object under `holder` has this member.
fn holds(object: &Object<'_>, holder: &str, member: &str) -> Result<bool, Refusal> {
    for text in object.every(holder) {
        if value::object(holder, text)?.is_some_and(|held| has(&held, member)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has(object: &Object<'_>, member: &str) -> bool {
    object.every(member).next().is_some()
}
