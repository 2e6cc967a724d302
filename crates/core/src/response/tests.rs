use proptest::prelude::*;

use super::*;

const CHAT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\"}}]}\n\n\
    : comment\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n\
    data: [DONE]\n\n";
const CHAT_WITHOUT_USAGE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\"}}]}\n\n\
    : comment\n\n\
    data: [DONE]\n\n";

/// Passes `text` through in pieces cut at `cuts`.
fn pass(text: &[u8], cuts: &[usize], takes_out: bool) -> (Vec<u8>, Metered) {
    let mut meter = Meter::events(takes_out);
    let mut passed = Vec::new();
    let mut from = 0;
    for &to in cuts.iter().chain([&text.len()]) {
        let piece = &text[from..to];
        let out = meter.push(piece, to == text.len());
        passed.extend_from_slice(out.as_deref().unwrap_or(piece));
        from = to;
    }
    (passed, meter.metered())
}

fn check_every_split(text: &str, expected: &str, takes_out: bool, usage: (u64, u64, u64)) {
    for cut in 0..text.len() {
        let (passed, metered) = pass(text.as_bytes(), &[cut], takes_out);
        assert_eq!(String::from_utf8_lossy(&passed), expected, "cut at {cut}");
        let Metered {
            usage: Usage { input, output, .. },
            deltas,
            ..
        } = metered;
        assert_eq!(
            (input, output, deltas),
            (Some(usage.0), Some(usage.1), usage.2)
        );
    }
    let every: Vec<_> = (1..text.len()).collect();
    let (passed, _) = pass(text.as_bytes(), &every, takes_out);
    assert_eq!(String::from_utf8_lossy(&passed), expected, "byte by byte");
}

#[test]
fn the_usage_event_is_taken_out_at_every_split() {
    check_every_split(CHAT, CHAT_WITHOUT_USAGE, true, (3, 1, 1));
    check_every_split(CHAT, CHAT, false, (3, 1, 1));
}

#[test]
fn every_line_end_is_understood() {
    for end in ["\r\n", "\r"] {
        let text = CHAT.replace('\n', end);
        check_every_split(
            &text,
            &CHAT_WITHOUT_USAGE.replace('\n', end),
            true,
            (3, 1, 1),
        );
    }
}

#[test]
fn forms_of_data_lines() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let rest = "data:[DONE]";
    let marked = format!("\u{feff}data: {usage}\n\n{rest}");
    check_every_split(&marked, rest, true, (3, 1, 0));
    for event in [
        format!("data:{usage}\n\n"),
        format!("event: x\nid: 7\ndata: {usage}\nretry: 3\n\n"),
        format!("data: {}\ndata: {}\n\n", &usage[..14], &usage[14..]),
        format!(": {usage}\ndata:  {usage}\n\n"),
    ] {
        check_every_split(&format!("{event}{rest}"), rest, true, (3, 1, 0));
    }
}

#[test]
fn an_event_that_can_not_be_usage_is_not_held() {
    let mut meter = Meter::events(true);
    assert_eq!(meter.push(b"data: {\"choices\":[{\"delta\":", false), None);
    assert_eq!(
        meter.push(b"{\"content\":\"a\"}}]}\n\ndata: [DO", false),
        None
    );
    assert_eq!(meter.push(b"NE]", true), None);
    assert_eq!(meter.metered().deltas, 1);
}

#[test]
fn a_huge_unfinished_event_passes() {
    let mut meter = Meter::events(true);
    let piece = [b"data: {\"x\":\"".as_slice(), &[b'y'; 40_000]].concat();
    assert_eq!(meter.push(&piece, false), Some(Vec::new()));
    let more = vec![b'y'; 40_000];
    assert_eq!(
        meter.push(&more, false).unwrap().len(),
        piece.len() + more.len()
    );
    assert_eq!(meter.push(&more, false), None);
}

#[test]
fn an_unfinished_usage_event_passes_at_the_end_and_counts() {
    let text = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}";
    check_every_split(text, text, true, (3, 1, 0));
}

#[test]
fn anthropic_keeps_what_the_last_report_leaves_out() {
    let text = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":14,\"output_tokens\":0}}}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":3}}\n\n";
    check_every_split(text, text, false, (14, 3, 1));
}

/// Cut after any piece, a stream ends with a whole event.
#[test]
fn a_stream_can_be_cut_where_an_event_ends() {
    for (text, takes_out) in [
        (CHAT, true),
        (CHAT, false),
        (&*CHAT.replace('\n', "\r"), true),
    ] {
        for cut in 0..text.len() {
            let mut meter = Meter::events(takes_out);
            let mut before = Vec::new();
            for piece in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                let passed = meter.push(piece, false);
                let passed = passed.unwrap_or_else(|| piece.to_vec());
                if let Some(boundary) = meter.boundary() {
                    let whole = [&*before, &passed[..boundary]].concat();
                    let whole = String::from_utf8(whole).unwrap();
                    let ends = ["\n\n", "\r\r"];
                    let is_whole = whole.is_empty() || ends.iter().any(|e| whole.ends_with(e));
                    assert!(is_whole, "cut at {cut}: {whole:?}");
                }
                before.extend(passed);
            }
            assert_eq!(
                meter.boundary().map(|b| b > 0 || cut == text.len()),
                Some(true)
            );
        }
    }
}

const SHAPES: [&str; 10] = [
    "data: {\"choices\":[{\"delta\":{\"content\":\"@\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"@\"}}]}\r\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"@\"}}]}\n\r\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"@\"}}]}\r\r",
    "event: x\ndata:{\"delta\":\"@\",\"n\":[\"@\"]}\n\n",
    "data: {\"delta\":{\"text\":\"@\",\"thinking\":\"@\"}}\nid: 1\n\n",
    "data: {\"choices\":[{\"text\":\"@\"}],\"usage\":{\"prompt_tokens\":1}}\n\n",
    "data: {\"choices\":[],\ndata: \"delta\":\"@\"}\n\n",
    "data: {\"error\":{},\"delta\":\"@\"}\n\n",
    "\n",
];
const TEXTS: [&str; 9] = [
    "a",
    "",
    "b\u{e9}",
    "\\n",
    "\\\"",
    "\\\\",
    "x\\ny",
    "a\nb",
    "\",\"delta\":\"c",
];

proptest! {
    #[test]
    fn events_alike_are_metered_as_if_read_byte_by_byte(
        events in prop::collection::vec((0..SHAPES.len(), 0..TEXTS.len()), 0..12),
        cuts in prop::collection::vec(0usize..1000, 0..3),
        takes_out: bool,
    ) {
        let event = |(shape, text): &(usize, usize)| SHAPES[*shape].replace('@', TEXTS[*text]);
        let text: String = events.iter().map(event).collect();
        let mut cuts: Vec<_> = cuts.iter().map(|&cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        let every: Vec<_> = (1..text.len()).collect();
        prop_assert_eq!(
            pass(text.as_bytes(), &cuts, takes_out),
            pass(text.as_bytes(), &every, takes_out)
        );
    }

    #[test]
    fn any_bytes_pass_unchanged_unless_taken_out(
        text in prop::collection::vec(prop::sample::select(b"data: {}[]\"\\\r\n\xffuse:chois,x".to_vec()), 0..200),
        cut in 0usize..200,
    ) {
        let cut = cut.min(text.len());
        let (passed, _) = pass(&text, &[cut], false);
        prop_assert_eq!(&passed, &text);
        prop_assert_eq!(pass(&text, &[cut], true).0, pass(&text, &[], true).0);
    }
}
