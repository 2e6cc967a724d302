//! What a request is reserved for: how large its prompt and its answers may be.

use serde_json::json;

use crate::gateway::{Gateway, document};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const RESPONSES: &str = "/v1/responses";

/// Tokens: the model's context, and its images'.
const CONTEXT: u64 = 100_000;
const IMAGE: u64 = 1000;

/// A key that is held to the worst case, and a model that says of itself what it can.
fn gateway() -> Gateway {
    let limits = json!([{"rule": "key:acme/payments/key:budget/ever", "measure": "budget",
        "amount": "1000", "per": "ever", "worst_case": true}]);
    let mut policy = document(&json!([{"tokens": {"input": "1", "output": "2"}}]), &limits);
    let chat = policy["models"][0].as_object_mut().unwrap();
    let known = json!({"context": CONTEXT, "image_tokens": IMAGE, "template_tokens": 10, "max_output": 500, "allow": ["stored_state"]});
    chat.extend(known.as_object().unwrap().clone());
    Gateway::new(&policy)
}

#[test]
fn answers_are_multiplied() {
    for (path, fields, answers) in [
        (CHAT, json!({"n": 2, "best_of": 5}), 5),
        (CHAT, json!({"n_cmpl": 3}), 3),
        (COMPLETIONS, json!({"n": 4, "best_of": 2}), 4),
        (RESPONSES, json!({"n": 4}), 4),
        (CHAT, json!({"n": 0}), 1),
    ] {
        let mut body = json!({"model": "chat"});
        let more = fields.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        let worst = gateway().demand(path, &body).worst;
        assert_eq!(worst.completion, answers * 500, "{path} {fields}");
    }
}
