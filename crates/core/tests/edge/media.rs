//! Images, sound, video and documents: how many tokens they may come to, and usually do.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::gateway::{Gateway, document};
use crate::sizes::{CHAT, CONTEXT, IMAGE, MESSAGES, RESPONSES, gateway, prompt};

fn parts(path: &str, part: &Value) -> (u64, u64) {
    let field = if path == RESPONSES {
        "input"
    } else {
        "messages"
    };
    prompt(path, field, &json!([{"role": "user", "content": [part]}]))
}

/// Long, and no prose.
fn data(length: usize) -> String {
    "A".repeat(length)
}

#[test]
fn documents_and_films_may_fill_the_context() {
    let pdf = data(4000);
    for (path, part) in [
        (
            RESPONSES,
            json!({"type": "input_file", "file_url": "https://a/b.pdf"}),
        ),
        (RESPONSES, json!({"type": "input_file", "file_id": "f"})),
        (RESPONSES, json!({"TYPE": "input_file", "FILE_ID": "f"})),
        (RESPONSES, json!({"type": "input_file", "file_data": &pdf})),
        (CHAT, json!({"type": "file", "file": {"file_id": "f"}})),
        (CHAT, json!({"type": "file", "file": {"file_data": &pdf}})),
        (
            CHAT,
            json!({"type": "video_url", "video_url": {"url": "https://a/b"}}),
        ),
        (CHAT, json!({"video_url": {"url": "https://a/b"}})),
        (
            CHAT,
            json!({"type": "audio_url", "audio_url": {"url": "https://a/b"}}),
        ),
        (
            CHAT,
            json!({"type": "input_audio", "input_audio": {"data": "a"}}),
        ),
        (CHAT, json!({"type": "image_embeds", "image_embeds": "a"})),
        (
            MESSAGES,
            json!({"type": "document", "source": {"type": "url", "url": "https://a/b"}}),
        ),
        (
            MESSAGES,
            json!({"source": {"type": "file", "file_id": "f"}, "type": "document"}),
        ),
        (
            MESSAGES,
            json!({"type": "document", "source": {"type": "base64", "data": &pdf}}),
        ),
        (
            MESSAGES,
            json!({"type": "document", "source": {"type": "text", "data": "a"}}),
        ),
        (
            MESSAGES,
            json!({"type": "document", "source": {"type": "content", "content": "a"}}),
        ),
        (
            MESSAGES,
            json!({"type": "tool_result", "content": [
            {"type": "document", "source": {"type": "url", "url": "https://a/b"}}]}),
        ),
    ] {
        let (worst, usual) = parts(path, &part);
        assert_eq!(worst, CONTEXT, "{path} {part}");
        assert!(usual > 10, "{path} {part}");
        assert!(usual < CONTEXT / 2, "{path} {part}: {usual}");
    }
}

#[test]
fn a_document_counts_by_its_bytes_or_as_some_pages() {
    let inline = json!({"type": "input_file", "file_data": data(40_000)});
    let (_, usual) = parts(RESPONSES, &inline);
    assert!((10_000..10_100).contains(&usual), "{usual}");
    let inline = json!({"type": "document", "source": {"type": "base64", "data": data(40_000)}});
    let (_, usual) = parts(MESSAGES, &inline);
    assert!((10_000..10_100).contains(&usual), "{usual}");
    let named = json!({"type": "document", "source": {"type": "url", "url": "https://a/b"}});
    let (_, usual) = parts(MESSAGES, &named);
    assert!((8 * IMAGE..8 * IMAGE + 100).contains(&usual), "{usual}");
}

#[test]
fn images_count_once_and_their_bytes_are_no_text() {
    let link = json!({"url": format!("data:image/png;base64,{}", data(9000))});
    let source = json!({"type": "base64", "data": data(9000)});
    for (path, part) in [
        (CHAT, json!({"type": "image_url", "image_url": link})),
        (CHAT, json!({"image_url": link})),
        (
            RESPONSES,
            json!({"type": "input_image", "image_url": link["url"]}),
        ),
        (
            RESPONSES,
            json!({"type": "image_generation_call", "result": data(9000)}),
        ),
        (MESSAGES, json!({"type": "image", "source": source})),
        (
            MESSAGES,
            json!({"type": "tool_result", "content": [{"type": "image", "source": source}]}),
        ),
    ] {
        let (worst, usual) = parts(path, &part);
        assert!((10_000..10_400).contains(&worst), "{path} {part}: {worst}");
        assert!(
            (IMAGE..IMAGE + 100).contains(&usual),
            "{path} {part}: {usual}"
        );
    }
    let two = json!([{"role": "user", "content": [
        {"type": "image", "source": source}, {"image_url": link}]}]);
    let (worst, _) = prompt(CHAT, "messages", &two);
    assert!(worst > 20_000, "{worst}");
}

#[test]
fn an_image_is_of_any_size_where_the_model_does_not_tell() {
    let mut policy = document(
        &json!([{"tokens": {"input": "1", "output": "2"}}]),
        &json!([{"rule": "key:acme/payments/key:budget/ever", "measure": "budget",
            "amount": "1", "per": "ever", "worst_case": true}]),
    );
    policy["models"][0]["context"] = json!(CONTEXT);
    let body = json!({"model": "chat", "messages": [{"content": [
        {"type": "image_url", "image_url": {"url": "https://a/b"}}]}]});
    let demand = Gateway::new(&policy).demand(CHAT, &body);
    assert_eq!(demand.worst.prompt, CONTEXT);
    assert!((4096..4200).contains(&demand.expected.prompt));
}

#[test]
fn what_only_looks_like_media_is_text() {
    let url = data(2000);
    let schema = json!({"type": "object", "properties": {
        "image": {"type": "image"}, "image_url": {"type": "string", "url": url},
        "video": {}, "file_id": {}, "data": url}});
    let tools = json!([{"type": "function", "function": {"name": "draw", "parameters": schema}}]);
    for (path, field, value) in [
        (CHAT, "tools", tools.clone()),
        (RESPONSES, "tools", tools.clone()),
        (
            CHAT,
            "functions",
            json!([{"name": "draw", "parameters": schema}]),
        ),
        (
            CHAT,
            "response_format",
            json!({"json_schema": {"schema": schema}}),
        ),
        (RESPONSES, "text", json!({"format": {"schema": schema}})),
        (CHAT, "metadata", json!({"image": "a", "file_id": url})),
    ] {
        let bytes = u64::try_from(value.to_string().len()).unwrap();
        let (worst, usual) = prompt(path, field, &value);
        assert!(worst < bytes + 100, "{path} {field}: {worst}");
        assert!(
            (bytes / 4..bytes / 4 + 40).contains(&usual),
            "{path} {field}: {usual}"
        );
    }
    let call = json!({"type": "tool_use", "input": {"image": {"type": "image"}, "video": url}});
    let (worst, usual) = parts(MESSAGES, &call);
    assert!(worst < 2300, "{worst}");
    assert!((500..580).contains(&usual), "{usual}");
    // Nor does such text hide media that stand beside it.
    let body = json!({"model": "chat", "tools": tools, "messages": [{"content": [
        {"type": "file", "file": {"file_id": "f"}}]}]});
    assert_eq!(gateway().demand(CHAT, &body).worst.prompt, CONTEXT);
}

#[test]
fn what_is_usual_does_not_hang_on_who_asks_for_the_worst_case() {
    let limits = json!([{"rule": "key:acme/payments/key:budget/ever", "measure": "budget",
        "amount": "1", "per": "ever"}]);
    let mut policy = document(&json!([{"tokens": {"input": "1", "output": "2"}}]), &limits);
    policy["models"][0]["context"] = json!(CONTEXT);
    policy["models"][0]["image_tokens"] = json!(IMAGE);
    let body = json!({"model": "chat", "messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "url", "url": "https://a/b"}}]}]});
    let usual = Gateway::new(&policy).demand(MESSAGES, &body).expected;
    assert_eq!(
        usual.prompt,
        gateway().demand(MESSAGES, &body).expected.prompt
    );
}

#[test]
fn however_deep_they_are_all_are_counted() {
    for depth in [1, 10, 31, 32, 33, 100, 1000] {
        let mut content = json!([
            {"type": "image", "source": {}}, {"type": "image", "source": {}}, {"image_url": "a"},
        ]);
        for _ in 0..depth {
            content = json!([content]);
        }
        let (worst, _) = prompt(CHAT, "stuff", &content);
        assert!(worst > 3 * IMAGE, "{depth}: {worst}");
        assert!(worst < 3 * IMAGE + 2300, "{depth}: {worst}");
    }
}

proptest! {
    #[test]
    fn any_content_has_a_worst_case_that_is_no_less_than_usual(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", "\"type\":", "\"image\"", "\"image_url\":", "\"document\"",
                "\"file\":", "\"data\":", "\"AAAA\"", "\"input\":", "\"tools\":", "\"url\":", "1",
                "\"content\":", "\"im\\u0061ge\"", "{\"type\":\"image\"}", "null",
            ]),
            0..40,
        ),
    ) {
        let body = format!(r#"{{"model":"chat","messages":[{}]}}"#, pieces.concat());
        if let Ok(body) = serde_json::from_str::<Value>(&body) {
            for path in [CHAT, MESSAGES, RESPONSES] {
                let demand = gateway().demand(path, &body);
                prop_assert!(demand.worst.prompt >= demand.expected.prompt, "{body}");
                prop_assert!(demand.expected.prompt > 0);
            }
        }
    }
}
