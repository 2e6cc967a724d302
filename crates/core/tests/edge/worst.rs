//! What is refused where an account admits only the worst case, or counts money at all; and what is
//! written into requests so that they keep to what is reserved.

use serde_json::{Value, json};

use crate::gateway::{Gateway, document, refusal};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";

fn limit(measure: &str, is_worst_case: bool, mode: &str) -> Value {
    json!([{"rule": format!("key:acme/payments/key:{measure}/day"), "measure": measure,
        "amount": "1000000", "per": "day", "worst_case": is_worst_case, "mode": mode}])
}

/// With a model that has these fields besides, and allows everything.
fn gateway(limits: &Value, model: &Value) -> Gateway {
    let prices = json!([{"tokens": {"input": "1", "output": "2"}}]);
    let mut policy = document(&prices, limits);
    let chat = policy["models"][0].as_object_mut().unwrap();
    chat.insert("allow".into(), json!(["hosted_tools", "stored_state"]));
    chat.extend(model.as_object().unwrap().clone());
    chat.retain(|_, value| !value.is_null());
    Gateway::new(&policy)
}

fn with(fields: &Value) -> Value {
    let mut body = json!({"model": "chat"});
    let more = fields.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body
}

/// The message, if it is refused.
fn refused(gateway: &mut Gateway, path: &str, fields: &Value) -> Option<String> {
    let reply = gateway.post(path, &with(fields)).1.err()?;
    let (status, _, message) = refusal(&reply);
    assert_eq!(status, 400, "{message}");
    let (message, _) = message.split_once(" (request id").unwrap();
    Some(message.to_owned())
}

#[test]
fn what_changes_the_price_is_refused_where_money_is_counted() {
    for (path, field, refused_value, usual) in [
        (CHAT, "service_tier", json!("priority"), json!("auto")),
        (MESSAGES, "speed", json!("fast"), json!("standard")),
        (MESSAGES, "speed", json!(["fast"]), Value::Null),
        (MESSAGES, "inference_geo", json!("us"), json!("global")),
        (RESPONSES, "background", json!(true), json!(false)),
        (CHAT, "use_beam_search", json!(true), json!(false)),
        (
            MESSAGES,
            "context_management",
            json!({"edits": [{"type": "compact_20260112"}]}),
            json!({"edits": [{"type": "clear_tool_uses_20250919"}]}),
        ),
    ] {
        for is_worst_case in [false, true] {
            let mut gateway = gateway(&limit("budget", is_worst_case, "enforce"), &json!({}));
            let message = refused(&mut gateway, path, &json!({field: refused_value}));
            let expected = format!("'{field}' has no price here, and a budget applies");
            assert_eq!(message.as_deref(), Some(&*expected));
            assert_eq!(refused(&mut gateway, path, &json!({field: usual})), None);
        }
        for limits in [
            limit("budget", false, "shadow"),
            limit("tokens", false, "enforce"),
        ] {
            let mut gateway = gateway(&limits, &json!({}));
            assert_eq!(
                refused(&mut gateway, path, &json!({field: refused_value})),
                None
            );
        }
    }
    let mut counted = gateway(&limit("budget", true, "enforce"), &json!({}));
    let path = "/v1/messages/count_tokens";
    assert_eq!(refused(&mut counted, path, &json!({"speed": "fast"})), None);
}

#[test]
fn what_has_no_most_is_refused_under_the_worst_case() {
    for (path, field, value) in [
        (
            CHAT,
            "prediction",
            json!({"type": "content", "content": "a"}),
        ),
        (CHAT, "web_search_options", json!({})),
        (CHAT, "use_beam_search", json!(true)),
        (
            RESPONSES,
            "tools",
            json!([{"type": "function"}, {"type": "web_search"}]),
        ),
        (
            MESSAGES,
            "tools",
            json!([{"type": "web_search_20250305", "name": "web_search"}]),
        ),
        (MESSAGES, "mcp_servers", json!([{"type": "url"}])),
    ] {
        let mut worst = gateway(&limit("tokens", true, "enforce"), &json!({}));
        let message = refused(&mut worst, path, &json!({field: value})).unwrap();
        let expected =
            format!("'{field}' may come to any amount, and a limit admits only the worst case");
        assert_eq!(message, expected);
        // The rule's author allows it, and pays for what is reported.
        for limits in [
            limit("tokens", false, "enforce"),
            limit("tokens", true, "shadow"),
        ] {
            let mut gateway = gateway(&limits, &json!({}));
            assert_eq!(refused(&mut gateway, path, &json!({field: value})), None);
        }
    }
    let mut budget = gateway(&limit("budget", true, "enforce"), &json!({}));
    let own = json!({"tools": [{"type": "function"}, {"type": "custom"}]});
    assert_eq!(refused(&mut budget, RESPONSES, &own), None);
    let hosted = json!({"tools": [{"type": "web_search"}]});
    assert!(refused(&mut budget, RESPONSES, &hosted).is_some());
}

#[test]
fn what_may_have_any_length_needs_a_context() {
    let document = json!({"messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "url", "url": "https://a/b"}}]}]});
    let image = json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "url", "url": "https://a/b"}}]}]});
    let template = json!({"chat_template": "a"});
    let text = json!({"messages": [{"role": "user", "content": "a"}]});
    let worst = limit("budget", true, "enforce");
    let usual = limit("budget", false, "enforce");
    let none = json!({"context": null});
    let sized = json!({"context": null, "image_tokens": 1000});
    for (limits, model, fields, field) in [
        (&worst, &none, &document, Some("messages")),
        (&worst, &none, &image, Some("messages")),
        (&worst, &sized, &document, Some("messages")),
        (&worst, &none, &template, Some("chat_template")),
        (&worst, &sized, &image, None),
        (&worst, &none, &text, None),
        (&usual, &none, &document, None),
        (&worst, &json!({}), &document, None),
    ] {
        let message = refused(&mut gateway(limits, model), MESSAGES, fields);
        let expected = field.map(|field| {
            format!(
                "'{field}' may make a prompt of any length, the model's rule has no `context`, \
                 and a limit admits only the worst case"
            )
        });
        assert_eq!(message, expected, "{model} {fields}");
    }
}

/// What is forwarded.
fn sent(gateway: &mut Gateway, path: &str, fields: &Value) -> Value {
    let body = with(fields);
    let forward = gateway.post(path, &body).1;
    let forward = forward.unwrap_or_else(|reply| panic!("{:?} {body}", refusal(&reply)));
    let forwarded = forward.body.unwrap_or_else(|| body.to_string());
    serde_json::from_str(&forwarded).unwrap()
}

#[test]
fn a_maximum_in_a_foreign_field_becomes_the_apis_own() {
    let mut gateway = gateway(
        &limit("budget", true, "enforce"),
        &json!({"max_output": 100}),
    );
    for (path, own, fields, forwarded) in [
        (CHAT, "max_completion_tokens", json!({"n_predict": 50}), 50),
        (
            CHAT,
            "max_completion_tokens",
            json!({"n_predict": 500}),
            100,
        ),
        (
            COMPLETIONS,
            "max_tokens",
            json!({"n_predict": 50, "max_tokens": 50}),
            50,
        ),
        (
            COMPLETIONS,
            "max_tokens",
            json!({"max_completion_tokens": 50}),
            50,
        ),
        (
            RESPONSES,
            "max_output_tokens",
            json!({"max_tokens": 500}),
            100,
        ),
        (
            MESSAGES,
            "max_tokens",
            json!({"n_predict": 500, "max_tokens": 500}),
            100,
        ),
    ] {
        let sent = sent(&mut gateway, path, &fields);
        assert_eq!(sent[own], forwarded, "{path} {fields}");
        let maxima = [
            "max_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "n_predict",
        ];
        let named = maxima.iter().filter(|name| sent.get(name).is_some());
        assert_eq!(named.count(), 1, "{sent}");
    }
    for fields in [
        json!({"n_predict": -1}),
        json!({"max_tokens": 5, "n_predict": 6}),
    ] {
        assert!(refused(&mut gateway, CHAT, &fields).is_some(), "{fields}");
    }
}

#[test]
fn what_is_left_of_the_context_is_no_less_than_it_may_be() {
    let image = json!({"type": "image_url", "image_url": {"url": "https://a/b"}});
    let long = "word ".repeat(10_000);
    for (content, least) in [
        (json!([image]), 3800),
        (json!([image, image, image, image]), 3000),
        (json!("hello"), 4060),
        (json!(long), 256),
    ] {
        for is_worst_case in [false, true] {
            let limits = limit("budget", is_worst_case, "enforce");
            let model = json!({"context": 4096, "max_output": 4096});
            let mut gateway = gateway(&limits, &model);
            let fields = json!({"messages": [{"role": "user", "content": content}]});
            let sent = sent(&mut gateway, CHAT, &fields);
            let maximum = sent["max_completion_tokens"].as_u64().unwrap();
            assert!((least..4096).contains(&maximum), "{maximum} of {least}");
            let reserved = gateway.demand(CHAT, &with(&fields)).worst.completion;
            assert!(!is_worst_case || maximum <= reserved);
        }
    }
    // Each prompt has the context to itself.
    let model = json!({"context": 4096, "max_output": 4000});
    let mut gateway = gateway(&limit("budget", false, "enforce"), &model);
    let prompts = vec!["hello"; 5000];
    let sent = sent(&mut gateway, COMPLETIONS, &json!({"prompt": prompts}));
    assert_eq!(sent["max_tokens"], 4000);
}
