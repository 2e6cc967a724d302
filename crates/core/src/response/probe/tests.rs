//! What is found, and what is not taken for it.

use super::*;

fn probe(text: &str) -> Probe {
    let mut probe = Probe::default();
    probe.push(text.as_bytes());
    probe
}

#[test]
fn finds_usage_where_each_api_puts_it() {
    for (text, usage) in [
        (r#"{"id":"x","usage":{"a":{"b":1}}}"#, r#"{"a":{"b":1}}"#),
        (
            r#"{"response":{"usage":{"t":2},"output":[{"usage":{"no":1}}]}}"#,
            r#"{"t":2}"#,
        ),
        (
            r#"{"message":{"content":[],"usage":{"t":"\"}"}}}"#,
            r#"{"t":"\"}"}"#,
        ),
    ] {
        assert_eq!(probe(text).report(), Some(usage.as_bytes()), "{text}");
    }
    for text in [
        r#"{"usage":null}"#,
        r#"{"data":[{"usage":{"t":1}}]}"#,
        r#"{"choices":[{"message":{"content":"\"usage\":{\"t\":1}"}}]}"#,
        r#"{"usage":{"t":1"#,
        "[[[[[[[[[[{\"usage\":{}}]]]]]]]]]]",
    ] {
        assert_eq!(probe(text).report(), None, "{text}");
    }
}

#[test]
fn tells_empty_choices_from_filled_ones() {
    assert_eq!(probe(r#"{"a":[]}"#).choices(), Choices::Unseen);
    assert_eq!(probe(r#"{"choices":[ ]}"#).choices(), Choices::Empty);
    assert_eq!(probe(r#"{"choices":[{}]}"#).choices(), Choices::Filled);
    assert_eq!(probe(r#"{"choices":["x"]}"#).choices(), Choices::Filled);
}

#[test]
fn counts_content_and_nothing_else() {
    for (text, deltas) in [
        (
            r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
            0,
        ),
        (
            r#"{"choices":[{"delta":{"content":"Hi"}},{"delta":{"content":"\n"}}]}"#,
            2,
        ),
        (r#"{"choices":[{"text":"Hi"}]}"#, 1),
        (r#"{"type":"response.output_text.delta","delta":"Hi"}"#, 1),
        (
            r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#,
            1,
        ),
        (
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}}"#,
            0,
        ),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"arguments":"{"}}]}}]}"#,
            1,
        ),
    ] {
        assert_eq!(probe(text).deltas(), deltas, "{text}");
    }
}

#[test]
fn every_split_finds_the_same() {
    let text = r#"{"choices":[{"delta":{"content":"h\"é\\"}}],"x":{"usage":{"n":1}},"usage":{"prompt_tokens":3,"s":"}{\""}}"#;
    let whole = probe(text);
    for at in 0..text.len() {
        let mut split = Probe::default();
        split.push(&text.as_bytes()[..at]);
        split.push(&text.as_bytes()[at..]);
        assert_eq!(split.report(), whole.report(), "split at {at}");
        assert_eq!(
            (split.deltas(), split.choices()),
            (1, Choices::Filled),
            "split at {at}"
        );
    }
}

#[test]
fn a_huge_report_is_not_kept_whole() {
    let text = format!(r#"{{"usage":{{"x":"{}"}}}}"#, "y".repeat(10_000));
    assert!(probe(&text).report().unwrap().len() <= 64 * 1024);
}
