//! Fill-in-the-middle for servers without `suffix`: prompt and suffix become one prompt with the
//! model's own marks. The texts are joined escaped as they are, never decoded.

use super::object::{Edits, Object};
use super::value;
use crate::document::Fim;
use crate::refusal::Refusal;

/// Rewrites a completion request that has a `suffix`; without one, nothing changes.
pub(super) fn rewrite(object: &Object<'_>, marks: &Fim, edits: &mut Edits) -> Result<(), Refusal> {
    let Some(suffix) = object.value("suffix")? else {
        return Ok(());
    };
    let suffix = text("suffix", suffix)?;
    let prompt = match object.value("prompt")? {
        Some(prompt) => text("prompt", prompt)?,
        None => "",
    };
    let mut joined = String::from("\"");
    for part in [
        &*escape(&marks.prefix),
        prompt,
        &*escape(&marks.suffix),
        suffix,
        &*escape(&marks.middle),
    ] {
        joined.push_str(part);
    }
    joined.push('"');
    edits.set("prompt", joined);
    edits.remove("suffix");
    Ok(())
}

fn text<'a>(field: &str, raw: &'a str) -> Result<&'a str, Refusal> {
    let content = value::string_content(raw);
    content.ok_or_else(|| value::invalid(field, "must be a string when 'suffix' is given"))
}

/// The mark as it stands inside a JSON string.
fn escape(mark: &str) -> String {
    let quoted = serde_json::Value::from(mark).to_string();
    value::string_content(&quoted)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(body: &str) -> Result<String, Refusal> {
        let marks = Fim {
            prefix: "<P>".into(),
            suffix: "<\"S>".into(),
            middle: "<M>".into(),
        };
        let object = Object::parse(body).unwrap();
        let mut edits = Edits::default();
        rewrite(&object, &marks, &mut edits)?;
        Ok(object.render(&edits))
    }

    #[test]
    fn prompt_and_suffix_become_one_prompt() {
        assert_eq!(
            rewritten(r#"{"prompt":"a\n\ud800","suffix":"é\"","n":1}"#).unwrap(),
            r#"{"prompt":"<P>a\n\ud800<\"S>é\"<M>","n":1}"#
        );
        assert_eq!(
            rewritten(r#"{"prompt":["a"]}"#).unwrap(),
            r#"{"prompt":["a"]}"#
        );
        assert_eq!(
            rewritten(r#"{"suffix":"b"}"#).unwrap(),
            r#"{"prompt":"<P><\"S>b<M>"}"#
        );
    }

    #[test]
    fn lists_can_not_be_filled_in() {
        let refusal = rewritten(r#"{"prompt":["a","b"],"suffix":"c"}"#).unwrap_err();
        assert_eq!(refusal.param(), Some("prompt"));
    }
}
