//! Requests and answers of these tests.

use serde_json::{Value, json};
use tollgate_host_tests::scenario::{Abort, Answer, Request, Step};

use crate::rules::secret;

/// What an upstream reports of each of these answers.
pub(crate) const PROMPT_TOKENS: i64 = 7;
pub(crate) const COMPLETION_TOKENS: i64 = 3;

/// Longer than any test; the test ends it.
const UNTIL_RESUMED_MS: u64 = 600_000;

/// The event that reports usage, as the upstream sends it.
pub(crate) const USAGE_EVENT: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\n";

/// As a scenario file would write it.
pub(crate) fn request(fields: Value) -> Request {
    serde_json::from_value(fields).expect("a request of ours is well formed")
}

/// As a scenario file would write it.
pub(crate) fn answer(fields: Value) -> Answer {
    serde_json::from_value(fields).expect("an answer of ours is well formed")
}

/// A chat with a team's key.
pub(crate) fn chat(team: &str, model: &str) -> Request {
    chat_with(team, json!({"model": model, "messages": []}))
}

/// A streamed chat with a team's key, which does not ask for usage.
pub(crate) fn streamed_chat(team: &str, model: &str) -> Request {
    chat_with(team, json!({"model": model, "stream": true}))
}

/// A chat with this body.
pub(crate) fn chat_with(team: &str, body: Value) -> Request {
    let authorization = format!("Bearer {}", secret(team));
    request(json!({
        "path": "/v1/chat/completions",
        "headers": {"authorization": authorization, "content-type": "application/json"},
        "body": {"text": body.to_string()},
    }))
}

/// Whole and at once.
pub(crate) fn answered() -> Answer {
    let usage = json!({
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": COMPLETION_TOKENS,
        "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
    });
    answer(json!({"body": [{"text": json!({"choices": [], "usage": usage}).to_string()}]}))
}

/// Whole, but after this, which may be the end of it.
pub(crate) fn after(step: Step) -> Answer {
    Answer {
        before: vec![step],
        ..answered()
    }
}

/// The client leaves there.
pub(crate) fn leaving(request: Request, abort: Abort) -> Request {
    Request {
        abort: Some(abort),
        ..request
    }
}

/// Whole, but only when the test resumes it.
pub(crate) fn held() -> Answer {
    after(pause())
}

/// A stream that stops in the middle of an event, until the test resumes it.
pub(crate) fn streamed() -> Answer {
    let event = |text: &str| json!({"text": format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")});
    let pause = json!({"pause_ms": UNTIL_RESUMED_MS});
    answer(json!({
        "headers": {"content-type": "text/event-stream"},
        "framing": "chunked",
        "body": [
            event("one"), event("two"), {"text": "data: {\"choices\":[{\"del"}, pause,
            {"text": "ta\":{\"content\":\"th\\u00e9\"}}]}\n\n"}, event("four"),
            {"text": USAGE_EVENT}, {"text": "data: [DONE]\n\n"},
        ],
    }))
}

/// A stream that comes at once.
pub(crate) fn stream_at_once() -> Answer {
    let mut answer = streamed();
    answer.body.retain(|step| !matches!(step, Step::PauseMs(_)));
    answer
}

fn pause() -> Step {
    Step::PauseMs(UNTIL_RESUMED_MS)
}
