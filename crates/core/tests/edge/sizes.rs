//! What a request is reserved for: how large its prompt and its answers may be.

use serde_json::{Value, json};

use crate::gateway::{Gateway, document};

pub(crate) const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const EMBEDDINGS: &str = "/v1/embeddings";
pub(crate) const MESSAGES: &str = "/v1/messages";
pub(crate) const RESPONSES: &str = "/v1/responses";

/// Tokens: the model's context, and its images'.
pub(crate) const CONTEXT: u64 = 100_000;
pub(crate) const IMAGE: u64 = 1000;

/// A key that is held to the worst case, and a model that says of itself what it can.
pub(crate) fn gateway() -> Gateway {
    let limits = json!([{"rule": "key:acme/payments/key:budget/ever", "measure": "budget",
        "amount": "1000", "per": "ever", "worst_case": true}]);
    let mut policy = document(&json!([{"tokens": {"input": "1", "output": "2"}}]), &limits);
    let chat = policy["models"][0].as_object_mut().unwrap();
    let known = json!({"context": CONTEXT, "image_tokens": IMAGE, "template_tokens": 10, "tool_tokens": 0,
        "max_output": 500, "allow": ["stored_state"]});
    chat.extend(known.as_object().unwrap().clone());
    Gateway::new(&policy)
}

/// Prompt tokens, at worst and usually.
pub(crate) fn prompt(path: &str, field: &str, value: &Value) -> (u64, u64) {
    let demand = gateway().demand(path, &json!({"model": "chat", field: value}));
    (demand.worst.prompt, demand.expected.prompt)
}

#[test]
fn what_writes_prompts_may_fill_the_context() {
    for (path, field, value, is_unbounded) in [
        (
            CHAT,
            "chat_template",
            json!("{% for i in range(9**9) %}a{% endfor %}"),
            true,
        ),
        (MESSAGES, "chat_template", json!("a"), true),
        (
            CHAT,
            "chat_template_kwargs",
            json!({"chat_template": "a"}),
            true,
        ),
        (CHAT, "chat_template_kwargs", json!({"a": ["b"]}), true),
        (
            CHAT,
            "chat_template_kwargs",
            json!({"a": "a".repeat(33)}),
            true,
        ),
        (
            CHAT,
            "chat_template_kwargs",
            json!({"enable_thinking": false}),
            false,
        ),
        (
            CHAT,
            "chat_template_kwargs",
            json!({"reasoning_effort": "high"}),
            false,
        ),
        (CHAT, "chat_template", Value::Null, false),
        (CHAT, "add_generation_prompt", json!(true), false),
        (CHAT, "documents", json!([{}]), true),
        (
            CHAT,
            "mm_processor_kwargs",
            json!({"max_pixels": 1 << 30}),
            true,
        ),
        (COMPLETIONS, "prompt_embeds", json!("a"), true),
        (RESPONSES, "previous_response_id", json!("r"), true),
        (
            RESPONSES,
            "input",
            json!([{"type": "item_reference", "id": "m"}]),
            true,
        ),
        (
            CHAT,
            "messages",
            json!([{"role": "assistant", "audio": {"id": "a"}}]),
            true,
        ),
        (MESSAGES, "container", json!("c"), true),
    ] {
        let (worst, _) = prompt(path, field, &value);
        assert_eq!(worst == CONTEXT, is_unbounded, "{path} {field} {value}");
    }
}

#[test]
fn token_ids_are_counted() {
    let many: Vec<u32> = (100_000..100_500).collect();
    for (path, field) in [(COMPLETIONS, "prompt"), (EMBEDDINGS, "input")] {
        let (worst, usual) = prompt(path, field, &json!(many));
        assert!((510..560).contains(&worst), "{path}: {worst}");
        assert!((500..520).contains(&usual), "{path}: {usual}");
        let (worst, usual) = prompt(path, field, &json!([many, [7]]));
        assert!((521..571).contains(&worst), "{path}: {worst}");
        assert!((501..521).contains(&usual), "{path}: {usual}");
    }
    // Texts that look like them are texts.
    let (worst, _) = prompt(COMPLETIONS, "prompt", &json!(["[1,2,3]", "4"]));
    assert!(worst > 40, "{worst}");
}

#[test]
fn each_list_of_tokens_is_a_prompt() {
    for (value, prompts) in [
        (json!("a"), 1),
        (json!([1, 2, 3]), 1),
        (json!([[1, 2], [3]]), 2),
        (json!(["a", "b", "c"]), 3),
        (json!([]), 1),
    ] {
        let body = json!({"model": "chat", "prompt": value, "max_tokens": 100});
        let worst = gateway().demand(COMPLETIONS, &body).worst;
        assert_eq!(worst.completion, prompts * 100, "{value}");
    }
    let body =
        json!({"model": "chat", "prompt": "a", "prompt_embeds": ["b", "c"], "max_tokens": 9});
    assert_eq!(gateway().demand(COMPLETIONS, &body).worst.completion, 27);
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

#[test]
fn tools_add_text_of_the_servers() {
    let mut policy = document(
        &json!([{"tokens": {"input": "1", "output": "2"}}]),
        &json!([{"rule": "key:acme/payments/key:budget/ever", "measure": "budget",
            "amount": "1", "per": "ever", "worst_case": true}]),
    );
    policy["models"][0]["context"] = json!(CONTEXT);
    for declared in [None, Some(700)] {
        if let Some(tokens) = declared {
            policy["models"][0]["tool_tokens"] = json!(tokens);
        }
        let each = declared.unwrap_or(1024);
        for (path, field, tools, texts) in [
            (CHAT, "tools", json!([]), 0),
            (
                CHAT,
                "tools",
                json!([{"type": "function"}, {"type": "function"}]),
                1,
            ),
            (CHAT, "functions", json!([{"name": "a"}]), 1),
            (MESSAGES, "tools", json!([{"name": "a"}]), 1),
            (
                MESSAGES,
                "tools",
                json!([{"type": "bash_20250124"}, {"name": "a"}]),
                2,
            ),
            (
                RESPONSES,
                "tools",
                json!([{"type": "apply_patch"}, {"type": "custom"}]),
                2,
            ),
        ] {
            let body = json!({"model": "chat", field: tools});
            let bytes = u64::try_from(body.to_string().len()).unwrap();
            let worst = Gateway::new(&policy).demand(path, &body).worst.prompt;
            assert_eq!(worst, bytes + 64 + texts * each, "{path} {tools}");
        }
    }
}
