//! What a request may not carry: references to what a server keeps, and tools that a server runs
//! itself. All tenants share one upstream account, so a server's state would let one tenant reach
//! another's, and hosted tools would do work that nobody meters.
//!
//! The lists follow OpenAI's and Anthropic's API references. A model's rule may lift them.

use std::borrow::Cow;

use super::object::{Edits, Object, fold, unescape};
use super::references;
use super::tokens::{Token, Tokens};
use super::value;
use crate::api::Api;
use crate::document::Capability;
use crate::policy::Model;
use crate::refusal::Refusal;

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
    object: &Object<'_>,
    model: &Model,
    edits: &mut Edits,
) -> Result<(), Refusal> {
    if !model.allows(Capability::StoredState) {
        stored_state(api, object, model, edits)?;
    }
    if !model.allows(Capability::HostedTools) {
        hosted_tools(api, object, model)?;
    }
    Ok(())
}

/// Refuses fields that multiply work or change prices, where money is counted.
pub(super) fn chargeable(object: &Object<'_>) -> Result<(), Refusal> {
    let unpriced = |field: &str| {
        let problem = "has no price here, and a budget applies";
        Err(value::invalid(field, problem))
    };
    if object
        .value("use_beam_search")?
        .is_some_and(|value| value != "false")
    {
        return unpriced("use_beam_search");
    }
    let tier = object.value("service_tier")?;
    let usual = ["\"auto\"", "\"default\"", "\"standard_only\""];
    if tier.is_some_and(|tier| !usual.contains(&tier)) {
        return unpriced("service_tier");
    }
    Ok(())
}

fn stored_state(
    api: Api,
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
    match references::find(api, object)? {
        Some(field) => refuse(field),
        None => Ok(()),
    }
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
    let kinds = object.value("tools")?.map(tool_kinds).unwrap_or_default();
    match kinds.iter().find(|kind| !is_client_tool(api, kind)) {
        Some(kind) => refuse(kind),
        None => Ok(()),
    }
}

/// The `type` of each tool in a list, or of a single one.
fn tool_kinds(tools: &str) -> Vec<Cow<'_, str>> {
    let mut kinds = Vec::new();
    let mut tokens = Tokens::new(tools);
    while let Some(token) = tokens.next() {
        let Token::Key(key) = token else {
            continue;
        };
        let Some(member) = tokens.next() else {
            break;
        };
        if let Token::Text(kind) = member
            && fold(unescape(key)) == "type"
        {
            kinds.push(unescape(kind));
        }
        tokens.skip(member);
    }
    kinds
}

fn is_client_tool(api: Api, kind: &str) -> bool {
    let anthropic = matches!(api, Api::Messages | Api::CountTokens);
    CLIENT_TOOLS.contains(&kind)
        || (anthropic
            && ANTHROPIC_CLIENT_TOOLS
                .iter()
                .any(|name| is_dated(kind, name)))
}

/// Whether this is `name` and a date, as in `bash_20250124`.
fn is_dated(kind: &str, name: &str) -> bool {
    let date = kind.strip_prefix(name).unwrap_or_default();
    date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit())
}
