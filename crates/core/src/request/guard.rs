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

/// Refuses what changes prices in ways that no price table can say, or is done where no usage is
/// read: OpenAI's and Anthropic's `service_tier`, Anthropic's `speed` and `inference_geo`, OpenAI's
/// `background`; and what multiplies work.
pub(super) fn chargeable(api: Api, object: &Object<'_>) -> Result<(), Refusal> {
    const USUAL: [(&str, &[&str]); 4] = [
        (
            "service_tier",
            &["\"auto\"", "\"default\"", "\"standard_only\""],
        ),
        ("speed", &["\"standard\""]),
        ("inference_geo", &["\"global\""]),
        ("background", &["false"]),
    ];
    if !api.is_chargeable() {
        return Ok(());
    }
    let unpriced = |field| value::invalid(field, "has no price here, and a budget applies");
    for (field, usual) in USUAL {
        let value = object.value(field)?;
        if value.is_some_and(|value| !usual.contains(&value)) {
            return Err(unpriced(field));
        }
    }
    multiplier(object)?.map_or(Ok(()), |field| Err(unpriced(field)))
}

/// Refuses what no maximum holds: what multiplies work, tools that the server runs (it reads what
/// they find, and goes on), and OpenAI's `prediction` (what is not used of it counts as output).
pub(super) fn bounded(api: Api, object: &Object<'_>) -> Result<(), Refusal> {
    if !api.is_chargeable() {
        return Ok(());
    }
    let found = match multiplier(object)? {
        Some(field) => Some(field),
        None if object.value("prediction")?.is_some() => Some("prediction"),
        None => hosted_tool(api, object)?.map(|(field, _)| field),
    };
    let problem = "may come to any amount, and a limit admits only the worst case";
    found.map_or(Ok(()), |field| Err(value::invalid(field, problem)))
}

/// vLLM's beams; and summaries that the server makes of a long prompt, which OpenAI and Anthropic
/// count apart.
fn multiplier(object: &Object<'_>) -> Result<Option<&'static str>, Refusal> {
    let beams = object.value("use_beam_search")?;
    if beams.is_some_and(|value| value != "false") {
        return Ok(Some("use_beam_search"));
    }
    let summarizes = |edits: &str| edits.contains("compact") || edits.contains('\\');
    let edits = object.value("context_management")?;
    Ok(edits
        .is_some_and(summarizes)
        .then_some("context_management"))
}

/// Turns off or refuses what a server would keep or has kept.
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
    let is_responses = api == Api::Responses;
    if is_responses || api == Api::ChatCompletions {
        let stores = object.value("store")?;
        if is_responses || stores.is_some() {
            edits.set("store", "false".to_owned());
        }
    }
    if is_responses
        && object
            .value("background")?
            .is_some_and(|value| value != "false")
    {
        return refuse("background");
    }
    match reference(api, object)? {
        Some(field) => refuse(field),
        None => Ok(()),
    }
}

/// The field, if there is one, that refers to what a server keeps.
///
/// # Errors
/// 400 for a field that is given twice, and for content that is nested beyond reason.
pub(super) fn reference(api: Api, object: &Object<'_>) -> Result<Option<&'static str>, Refusal> {
    let fields: &[&str] = match api {
        Api::ChatCompletions => &[],
        Api::Responses => &["previous_response_id", "conversation", "prompt"],
        Api::Messages | Api::CountTokens => &["container"],
        _ => return Ok(None),
    };
    for field in fields {
        if object.value(field)?.is_some() {
            return Ok(Some(field));
        }
    }
    references::find(api, object)
}

fn hosted_tools(api: Api, object: &Object<'_>, model: &Model) -> Result<(), Refusal> {
    match hosted_tool(api, object)? {
        Some((_, tool)) => Err(Refusal::HostedTool {
            tool: crate::text::printable(tool.as_bytes()),
            model: model.name.to_string(),
        }),
        None => Ok(()),
    }
}

/// The first tool that the server runs: the field that asks for it, and its type.
fn hosted_tool<'a>(
    api: Api,
    object: &Object<'a>,
) -> Result<Option<(&'static str, Cow<'a, str>)>, Refusal> {
    let field = match api {
        Api::ChatCompletions => "web_search_options",
        Api::Messages | Api::CountTokens => "mcp_servers",
        Api::Responses => "tools",
        _ => return Ok(None),
    };
    if field != "tools" && object.value(field)?.is_some_and(|value| value != "[]") {
        return Ok(Some((field, field.into())));
    }
    let kinds = object.value("tools")?.map(tool_kinds).unwrap_or_default();
    let hosted = kinds.into_iter().find(|kind| !is_client_tool(api, kind));
    Ok(hosted.map(|kind| ("tools", kind)))
}

/// How often a server adds text of its own for a request's tools: once to say how they are called,
/// and for each tool that is known by its type alone.
pub(super) fn tool_texts(object: &Object<'_>) -> Result<u64, Refusal> {
    let tools = object.value("tools")?;
    let functions = object.value("functions")?;
    if [tools, functions]
        .iter()
        .flatten()
        .all(|&list| list == "[]")
    {
        return Ok(0);
    }
    let kinds = tools.map(tool_kinds).unwrap_or_default();
    let is_own = |kind: &Cow<'_, str>| matches!(&**kind, "function" | "custom");
    let typed = kinds.iter().filter(|kind| !is_own(kind)).count();
    Ok(u64::try_from(typed).unwrap_or(u64::MAX).saturating_add(1))
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
