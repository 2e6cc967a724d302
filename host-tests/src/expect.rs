//! What a scenario promises: its types, and matching one value against one expectation.
//!
//! In expected strings `<any>` stands for any text (also none), `<request_id>` for the gateway's
//! request id; as a whole value, `<absent>` says that a field must not be there.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What one exchange must look like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The answer.
    pub client: ClientExpect,
    /// The request as the upstream receives it.
    #[serde(default)]
    pub upstream: UpstreamExpect,
    /// Optional part, for drivers with an access log: fields of this exchange's record, compared
    /// as text (`12` equals `"12"`).
    #[serde(default)]
    pub log: BTreeMap<String, Value>,
    /// Optional part, for drivers with metrics: how they change. The scenario then runs alone.
    #[serde(default)]
    pub metrics: Vec<MetricExpect>,
}

/// What the client must see.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientExpect {
    /// Absent where no answer comes: the client leaves, or is cut off (`complete: false`).
    #[serde(default)]
    pub status: Option<u16>,
    /// Expected values (Latin-1); repeated fields are joined by `, `.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Absent: not looked at.
    #[serde(default)]
    pub body: Option<BodyExpect>,
    /// Like `headers`.
    #[serde(default)]
    pub trailers: BTreeMap<String, String>,
    /// Whether the answer ends as HTTP says it must. Default `true`; `false` is an answer cut off.
    #[serde(default)]
    pub complete: Option<bool>,
}

/// What the upstream must see.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamExpect {
    /// Default: one where the exchange has an `upstream`, else none.
    #[serde(default)]
    pub requests: Option<usize>,
    /// Which of the driver's upstreams has it.
    #[serde(default)]
    pub at: Option<String>,
    /// The method.
    #[serde(default)]
    pub method: Option<String>,
    /// The request target.
    #[serde(default)]
    pub path: Option<String>,
    /// Expected values (Latin-1).
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Absent: not looked at.
    #[serde(default)]
    pub body: Option<BodyExpect>,
    /// Like `headers`.
    #[serde(default)]
    pub trailers: BTreeMap<String, String>,
    /// Whether the gateway takes the whole answer. `false`: it must hang up before.
    #[serde(default)]
    pub answer_taken: Option<bool>,
}

/// What a body must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BodyExpect {
    /// No byte.
    Empty,
    /// Exactly this.
    Text(String),
    /// JSON that holds at least this: objects may have more members, lists may not.
    Json(Value),
    /// Byte for byte what the other side sent.
    Unchanged,
    /// The same less these parts, each of which the other side sent once.
    UnchangedWithout(Vec<String>),
    /// The beginning of what the other side sent, at least this many bytes.
    UnchangedFirst(usize),
}

/// How much a metric changes: the sum over the series that have these labels.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricExpect {
    /// As Prometheus shows it.
    pub name: String,
    /// Labels that count; others may have any value.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// After less before.
    pub delta: i64,
}

/// The marks' values in one exchange.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks<'a> {
    /// The gateway's request id where the driver knows it; else any text is taken for it.
    pub request_id: Option<&'a str>,
}

const ABSENT: &str = "<absent>";
const ANY: &str = "<any>";
const REQUEST_ID: &str = "<request_id>";

impl Marks<'_> {
    /// Whether `text` is what `expected` says.
    pub fn matches_text(&self, expected: &str, text: &str) -> bool {
        let expected = expected.replace(REQUEST_ID, self.request_id.unwrap_or(ANY));
        let parts: Vec<_> = expected.split(ANY).collect();
        let [first, middle @ .., last] = &parts[..] else {
            return expected == text;
        };
        let Some(mut rest) = text.strip_prefix(first) else {
            return false;
        };
        for part in middle {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }

    /// Says what is wrong with an optional text, if anything.
    pub fn text_problem(&self, expected: &str, seen: Option<&str>) -> Option<String> {
        match (expected, seen) {
            (ABSENT, None) => None,
            (ABSENT, Some(text)) => Some(format!("expected none, saw {text:?}")),
            (_, None) => Some(format!("expected {expected:?}, saw none")),
            (_, Some(text)) if self.matches_text(expected, text) => None,
            (_, Some(text)) => Some(format!("expected {expected:?}, saw {text:?}")),
        }
    }

    /// Adds a line for each place where `seen` does not hold what `expected` says.
    pub fn json_problems(
        &self,
        expected: &Value,
        seen: &Value,
        at: &str,
        problems: &mut Vec<String>,
    ) {
        match (expected, seen) {
            (Value::Object(expected), Value::Object(seen)) => {
                for (name, expected) in expected {
                    let at = format!("{at}/{name}");
                    match seen.get(name) {
                        Some(_) if expected.as_str() == Some(ABSENT) => {
                            problems.push(format!("{at}: expected none"));
                        }
                        Some(seen) => self.json_problems(expected, seen, &at, problems),
                        None if expected.as_str() == Some(ABSENT) => {}
                        None => problems.push(format!("{at}: missing, expected {expected}")),
                    }
                }
            }
            (Value::Array(expected), Value::Array(seen)) if expected.len() == seen.len() => {
                for (i, (expected, seen)) in expected.iter().zip(seen).enumerate() {
                    self.json_problems(expected, seen, &format!("{at}/{i}"), problems);
                }
            }
            (Value::String(expected), Value::String(seen)) if self.matches_text(expected, seen) => {
            }
            (Value::String(expected), _) if expected == ANY => {}
            (expected, seen) if expected == seen => {}
            _ => problems.push(format!("{at}: expected {expected}, saw {seen}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marks_stand_for_text() {
        let marks = Marks {
            request_id: Some("4f-1"),
        };
        assert!(marks.matches_text("(request id: <request_id>)", "(request id: 4f-1)"));
        assert!(!marks.matches_text("(request id: <request_id>)", "(request id: 4f-2)"));
        assert!(Marks::default().matches_text("(request id: <request_id>)", "(request id: x)"));
        assert!(marks.matches_text("a<any>b<any>c", "a1b2b3c"));
        assert!(!marks.matches_text("a<any>b<any>c", "a1c"));
        assert!(!marks.matches_text("ab<any>ba", "aba"));
        assert!(marks.matches_text("<any>", ""));
        assert!(!marks.matches_text("", "x"));
    }

    #[test]
    fn json_subset_names_each_difference() {
        let mut problems = Vec::new();
        let expected = json!({"a": 1, "b": [{"c": "x"}], "gone": "<absent>", "d": "<any>"});
        let seen = json!({"a": 2, "b": [{"c": "x", "more": 1}], "gone": null, "d": 7});
        Marks::default().json_problems(&expected, &seen, "", &mut problems);
        assert_eq!(problems, ["/a: expected 1, saw 2", "/gone: expected none"]);
    }

    #[test]
    fn lists_are_compared_whole() {
        let mut problems = Vec::new();
        Marks::default().json_problems(&json!([1]), &json!([1, 2]), "/l", &mut problems);
        assert_eq!(problems, ["/l: expected [1], saw [1,2]"]);
    }
}
