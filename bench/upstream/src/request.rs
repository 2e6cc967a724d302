//! As much of a request as decides on its answer.

use std::io::BufRead;

use anyhow::{Context, Result, bail};

/// Header lines that a request may have.
const MOST_HEADERS: usize = 64;

/// What decides on the answer.
#[derive(Debug)]
pub(crate) struct Request {
    /// Its body has `"stream":true`.
    pub(crate) wants_stream: bool,
}

/// Reads one request with its body. `None`: the peer closed.
///
/// # Errors
/// What is not HTTP/1.1 with a `content-length`.
pub(crate) fn read(connection: &mut impl BufRead) -> Result<Option<Request>> {
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        if connection.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut body = vec![0; content_length(&head)?];
    connection.read_exact(&mut body)?;
    let wants_stream = contains(&body, br#""stream":true"#);
    Ok(Some(Request { wants_stream }))
}

fn content_length(head: &[u8]) -> Result<usize> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(head)?;
    let length =
        (request.headers.iter()).find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let Some(length) = length else {
        bail!("a request without a content-length");
    };
    let text = std::str::from_utf8(length.value)?;
    text.parse()
        .with_context(|| format!("content-length: {text}"))
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_follow_each_other_on_a_connection() {
        let mut connection = &b"POST / HTTP/1.1\r\nContent-Length: 15\r\n\r\n{\"stream\":true}\
            POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"[..];
        let streams: Vec<bool> = std::iter::from_fn(|| read(&mut connection).unwrap())
            .map(|request| request.wants_stream)
            .collect();
        assert_eq!(streams, [true, false]);
    }

    #[test]
    fn a_request_without_a_length_is_an_error() {
        let mut connection = &b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"[..];
        assert!(read(&mut connection).is_err());
    }
}
