//! What a request may not carry: references to what a server keeps, and tools that a server runs
//! itself. All tenants share one upstream account, so a server's state would let one tenant reach
//! another's, and hosted tools would do work that nobody meters.
//!
//! The lists follow OpenAI's and Anthropic's API references. A model's rule may lift them.

use super::object::{Edits, Object};
use super::value;
use crate::api::Api;
use crate::document::Capability;
use crate::policy::Model;
use crate::refusal::Refusal;

/// How deep content may nest inside content (Anthropic's tool results do).
const DEEPEST_CONTENT: u8 = 4;

/// Tools whose `type` says that the client runs them.
const CLIENT_TOOLS: [&str; 5] = [
    "function",
    "custom",
    "local_shell",
    "apply_patch",
    "computer",
];

/// The same for Anthropic, whose types end in a date.
const ANTHROPIC_CLIENT_TOOLS: [&str; 4] = ["bash_", "text_editor_", "computer_", "memory_"];

/// Refuses what this model does not allow, and turns off what can be turned off.
///
/// # Errors
/// [`Refusal::StoredState`] or [`Refusal::HostedTool`], or a malformed field that was looked at.
pub(super) fn check(
    api: Api,
    text: &str,
    object: &Object<'_>,
    model: &Model,
    edits: &mut Edits,
) -> Result<(), Refusal> {
    if !model.allows(Capability::StoredState) {
        stored_state(api, text, object, model, edits)?;
    }
    if !model.allows(Capability::HostedTools) {
        hosted_tools(api, object, model)?;
    }
    Ok(())
}

fn stored_state(
    api: Api,
    text: &str,
    object: &Object<'_>,
    model: &Model,
    edits: &mut Edits,
) -> Result<(), Refusal> {
    let refuse = |field: &str| {
        Err(Refusal::StoredState {
            field: field.to_owned(),
            model: model.name.to_string(),
        })
    };
    match api {
        Api::ChatCompletions => {
            if object.value("store")?.is_some() {
                edits.set("store", "false".to_owned());
            }
        }
        Api::Responses => {
            object.value("store")?;
            edits.set("store", "false".to_owned());
            if object
                .value("background")?
                .is_some_and(|value| value != "false")
            {
                return refuse("background");
            }
            for field in ["previous_response_id", "conversation", "prompt"] {
                if object.value(field)?.is_some() {
                    return refuse(field);
                }
            }
        }
        Api::Messages | Api::CountTokens => {
            if object.value("container")?.is_some() {
                return refuse("container");
            }
        }
        _ => return Ok(()),
    }
    match kept_reference(api, text, object)? {
        Some(field) => refuse(field),
        None => Ok(()),
    }
}

/// The first reference to something kept by the server in messages or input items.
fn kept_reference(
    api: Api,
    text: &str,
    object: &Object<'_>,
) -> Result<Option<&'static str>, Refusal> {
    let field = if api == Api::Responses {
        "input"
    } else {
        "messages"
    };
    if api != Api::Responses && !may_hold_reference(text) {
        object.value(field)?;
        return Ok(None);
    }
    for item in object
        .value(field)?
        .and_then(value::elements)
        .unwrap_or_default()
    {
        let Some(item) = read_object(field, item.get())? else {
            continue;
        };
        if api == Api::Responses && is_item_reference(&item)? {
            return Ok(Some("input"));
        }
        for audio in objects(&item, "audio")? {
            if audio.every("id").next().is_some() {
                return Ok(Some("messages.audio.id"));
            }
        }
        if part_refers(&item, DEEPEST_CONTENT)? {
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
    Ok(!typed && item.every("id").next().is_some() && item.every("role").next().is_none())
}

/// Whether a content part, or a part inside it, names a file that the server keeps. Arguments of
/// tool calls (`input`, `arguments`) are the client's own and are not looked at.
fn part_refers(part: &Object<'_>, depth: u8) -> Result<bool, Refusal> {
    let names_file = |object: &Object<'_>| object.every("file_id").next().is_some();
    if names_file(part) {
        return Ok(true);
    }
    for holder in ["file", "source", "image_file", "image_url", "output"] {
        if objects(part, holder)?.iter().any(names_file) {
            return Ok(true);
        }
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(value::invalid("content", "is nested too deeply"));
    };
    for list in ["content", "output"] {
        for part in part.every(list).filter_map(value::elements).flatten() {
            if let Some(part) = read_object(list, part.get())?
                && part_refers(&part, depth)?
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn hosted_tools(api: Api, object: &Object<'_>, model: &Model) -> Result<(), Refusal> {
    let refuse = |tool: &str| {
        let tool = crate::text::printable(tool.as_bytes());
        Err(Refusal::HostedTool {
            tool,
            model: model.name.to_string(),
        })
    };
    let field = match api {
        Api::ChatCompletions => "web_search_options",
        Api::Messages | Api::CountTokens => "mcp_servers",
        Api::Responses => "tools",
        _ => return Ok(()),
    };
    if field != "tools" && object.value(field)?.is_some_and(|value| value != "[]") {
        return refuse(field);
    }
    for tool in object
        .value("tools")?
        .and_then(value::elements)
        .unwrap_or_default()
    {
        let Some(tool) = read_object("tools", tool.get())? else {
            continue;
        };
        for kind in tool.every("type") {
            let kind = value::string("tools.type", kind)?;
            if !is_client_tool(api, &kind) {
                return refuse(&kind);
            }
        }
    }
    Ok(())
}

fn is_client_tool(api: Api, kind: &str) -> bool {
    let anthropic = matches!(api, Api::Messages | Api::CountTokens);
    CLIENT_TOOLS.contains(&kind)
        || (anthropic
            && ANTHROPIC_CLIENT_TOOLS
                .iter()
                .any(|prefix| kind.starts_with(prefix)))
}

/// Every object under this name.
fn objects<'a>(object: &Object<'a>, name: &str) -> Result<Vec<Object<'a>>, Refusal> {
    let found = object.every(name).map(|text| read_object(name, text));
    found.filter_map(Result::transpose).collect()
}

/// `None` for what is not an object: the server's to refuse.
fn read_object<'a>(field: &str, text: &'a str) -> Result<Option<Object<'a>>, Refusal> {
    if !text.starts_with('{') {
        return Ok(None);
    }
    Object::parse(text)
        .map(Some)
        .map_err(|problem| value::invalid(field, &problem))
}
