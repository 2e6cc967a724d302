//! The answers, as they go over the wire. Their shapes are those of vLLM.

/// A chat completion.
const CHAT: &str = include_str!("../../inputs/answer.json");
/// An event of a streamed one, which repeats; the report of its usage; its end.
const DELTA: &str = include_str!("../../inputs/delta.sse");
const USAGE: &str = include_str!("../../inputs/usage.sse");
const DONE: &str = include_str!("../../inputs/done.sse");

/// Whole answers, heads included.
#[derive(Debug)]
pub(crate) struct Answers {
    /// One JSON document.
    pub(crate) chat: Vec<u8>,
    /// The head with the first event, then one event each, then the end of the chunked body.
    pub(crate) stream: Vec<Vec<u8>>,
}

impl Answers {
    /// `events`: how many a streamed answer has; at least the usage report and `[DONE]`.
    pub(crate) fn new(events: usize) -> Self {
        Self {
            chat: chat(),
            stream: stream(events),
        }
    }
}

fn chat() -> Vec<u8> {
    let length = CHAT.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {length}\r\n\r\n{CHAT}").into_bytes()
}

fn stream(events: usize) -> Vec<Vec<u8>> {
    let deltas = std::iter::repeat_n(DELTA, events.saturating_sub(2));
    let mut pieces: Vec<Vec<u8>> = deltas.chain([USAGE, DONE]).map(chunk).collect();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
                transfer-encoding: chunked\r\n\r\n";
    if let Some(first) = pieces.first_mut() {
        first.splice(0..0, head.bytes());
    }
    if let Some(last) = pieces.last_mut() {
        last.extend_from_slice(&chunk(""));
    }
    pieces
}

fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_as_many_pieces_as_events() {
        for events in [2, 3, 100] {
            let stream = Answers::new(events).stream;
            assert_eq!(stream.len(), events);
            assert!(stream[0].starts_with(b"HTTP/1.1 200 OK\r\n"));
            assert!(stream[events - 1].ends_with(b"data: [DONE]\n\n\r\n0\r\n\r\n"));
        }
    }
}
