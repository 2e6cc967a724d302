//! References to what a server keeps, inside messages and input items. All that could be one is
//! found, whatever the case of the names and however often they are given; arguments of tool calls
//! (`input`, `arguments`) and texts are the client's own and are not looked at.

use std::borrow::Cow;

use super::object::{Object, fold, unescape};
use super::tokens::{Token, Tokens};
use super::value;
use crate::api::Api;
use crate::refusal::Refusal;

/// How deep what is looked at may nest; real content does so five times.
const DEEPEST: u8 = 32;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A message, or an input item.
    Item,
    /// A part of its content, or what a part holds.
    Part,
    /// An answer in sound, which a later message may refer to.
    Audio,
}

/// The first reference, by the field that holds it.
///
/// # Errors
/// 400 for content that is nested beyond reason.
pub(super) fn find(api: Api, object: &Object<'_>) -> Result<Option<&'static str>, Refusal> {
    let is_responses = api == Api::Responses;
    let field = if is_responses { "input" } else { "messages" };
    let Some(list) = object.value(field)? else {
        return Ok(None);
    };
    let mut search = Search {
        tokens: Tokens::new(list),
        is_responses,
        found: None,
    };
    if let Some(first) = search.tokens.next() {
        search
            .value(first, Place::Item, DEEPEST)
            .map_err(|TooDeep| {
                value::invalid(field, &format!("is nested more than {DEEPEST} times"))
            })?;
    }
    Ok(search.found)
}

struct Search<'a> {
    tokens: Tokens<'a>,
    is_responses: bool,
    found: Option<&'static str>,
}

struct TooDeep;

impl<'a> Search<'a> {
    /// Looks at a value: an object of this kind, or a list of such.
    fn value(&mut self, token: Token<'a>, place: Place, depth: u8) -> Result<(), TooDeep> {
        let Some(inner) = depth.checked_sub(1) else {
            return Err(TooDeep);
        };
        match token {
            Token::Object => self.object(place, inner),
            Token::Array => {
                while let Some(element) = self.tokens.next().filter(|&t| t != Token::End) {
                    self.value(element, place, inner)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn object(&mut self, place: Place, depth: u8) -> Result<(), TooDeep> {
        let mut item = Item::default();
        while let Some(Token::Key(key)) = self.tokens.next() {
            let Some(member) = self.tokens.next() else {
                return Ok(());
            };
            if member == Token::Null {
                continue;
            }
            let name = fold(unescape(key));
            match (place, &*name) {
                (Place::Item | Place::Part, "file_id") => self.found = Some("file_id"),
                (Place::Audio, "id") => self.found = Some("messages.audio.id"),
                _ => item.note(&name, member),
            }
            match child(place, &name) {
                Some(place) => self.value(member, place, depth)?,
                None => self.tokens.skip(member),
            }
        }
        if self.is_responses && place == Place::Item && item.refers() {
            self.found = Some("input");
        }
        Ok(())
    }
}

/// What a member is, if it is looked at.
fn child(place: Place, name: &str) -> Option<Place> {
    match (place, name) {
        (Place::Item, "audio") => Some(Place::Audio),
        (
            Place::Item | Place::Part,
            "content" | "output" | "file" | "source" | "image_file" | "image_url",
        ) => Some(Place::Part),
        _ => None,
    }
}

/// What tells whether an input item stands for one that the server keeps (OpenAI's Responses).
#[derive(Default)]
struct Item<'a> {
    kinds: Vec<Cow<'a, str>>,
    has_id: bool,
    has_role: bool,
    has_container: bool,
    has_result: bool,
}

impl<'a> Item<'a> {
    fn note(&mut self, name: &str, member: Token<'a>) {
        match (name, member) {
            ("type", Token::Text(kind)) => self.kinds.push(unescape(kind)),
            ("role", Token::Text(role)) => self.has_role |= !role.is_empty(),
            ("id", _) => self.has_id = true,
            ("container_id", _) => self.has_container = true,
            ("result", _) => self.has_result = true,
            _ => {}
        }
    }

    /// `{"type": "item_reference", "id"}`, the type being optional; an image by the id of the call
    /// that made it; the files of a container.
    fn refers(&self) -> bool {
        let is = |kind: &str| self.kinds.iter().any(|k| k == kind);
        is("item_reference")
            || (self.kinds.is_empty() && self.has_id && !self.has_role)
            || (is("image_generation_call") && !self.has_result)
            || self.has_container
    }
}
