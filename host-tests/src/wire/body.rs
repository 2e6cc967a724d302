//! Where an HTTP/1.1 message ends, and the bytes until there.

use tokio::io::AsyncRead;

use super::{FIELD_LIMIT, Wire, WireError, excerpt};
use crate::headers::Headers;

/// How a body's end is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// By a `content-length`; also a message that has no body.
    Known(usize),
    /// By the chunked coding.
    Chunked,
    /// By the end of the connection (answers only).
    UntilClose,
}

impl Length {
    /// What a head says; `None` where it says nothing.
    pub fn of(headers: &Headers) -> Result<Option<Self>, WireError> {
        let codings: Vec<_> = headers.all("transfer-encoding").collect();
        let lengths: Vec<_> = headers.all("content-length").collect();
        match (&codings[..], &lengths[..]) {
            ([], []) => Ok(None),
            ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Some(Self::Chunked)),
            ([], [length]) => match std::str::from_utf8(length)
                .ok()
                .and_then(|l| l.parse().ok())
            {
                Some(length) => Ok(Some(Self::Known(length))),
                None => Err(WireError::Malformed(format!(
                    "content-length {}",
                    excerpt(length)
                ))),
            },
            _ => Err(WireError::Malformed(format!(
                "{} transfer-encoding and {} content-length fields",
                codings.len(),
                lengths.len()
            ))),
        }
    }
}

/// Reads one body, piece by piece.
#[derive(Debug)]
pub struct BodyReader {
    length: Length,
    /// Bytes still to come: of the body (`Known`) or of the present chunk (`Chunked`).
    left: usize,
    done: bool,
    trailers: Headers,
}

impl BodyReader {
    /// Nothing is read yet.
    pub fn new(length: Length) -> Self {
        let left = match length {
            Length::Known(n) => n,
            Length::Chunked | Length::UntilClose => 0,
        };
        Self {
            length,
            left,
            done: length == Length::Known(0),
            trailers: Headers::default(),
        }
    }

    /// The trailers of a chunked body that is read whole.
    pub fn into_trailers(self) -> Headers {
        self.trailers
    }

    /// The next bytes of the body, never empty; `None` at its end.
    pub async fn next<R: AsyncRead + Unpin>(
        &mut self,
        wire: &mut Wire<R>,
    ) -> Result<Option<Vec<u8>>, WireError> {
        if self.done {
            return Ok(None);
        }
        match self.length {
            Length::Known(whole) => {
                let piece = wire.some(self.left, &format!("{whole} bytes")).await?;
                self.left -= piece.len();
                self.done = self.left == 0;
                Ok(Some(piece))
            }
            Length::Chunked => self.next_of_chunk(wire).await,
            Length::UntilClose => {
                if wire.unread().is_empty() && !wire.fill().await? {
                    self.done = true;
                    return Ok(None);
                }
                Ok(Some(wire.take(wire.buffer.len())))
            }
        }
    }

    async fn next_of_chunk<R: AsyncRead + Unpin>(
        &mut self,
        wire: &mut Wire<R>,
    ) -> Result<Option<Vec<u8>>, WireError> {
        if self.left == 0 {
            let line = wire.line().await?;
            self.left = chunk_size(&line)?;
        }
        if self.left == 0 {
            self.done = true;
            self.trailers = trailers(wire).await?;
            return Ok(None);
        }
        let piece = wire.some(self.left, "a chunk").await?;
        self.left -= piece.len();
        if self.left == 0 {
            let end = wire.line().await?;
            if !end.is_empty() {
                let shown = excerpt(&end);
                return Err(WireError::Malformed(format!("{shown} behind a chunk")));
            }
        }
        Ok(Some(piece))
    }
}

fn chunk_size(line: &[u8]) -> Result<usize, WireError> {
    let digits = std::str::from_utf8(line).ok();
    digits
        .filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|d| usize::from_str_radix(d, 16).ok())
        .ok_or_else(|| WireError::Malformed(format!("chunk size {}", excerpt(line))))
}

async fn trailers<R: AsyncRead + Unpin>(wire: &mut Wire<R>) -> Result<Headers, WireError> {
    let mut block = Vec::new();
    loop {
        let line = wire.line().await?;
        block.extend_from_slice(&line);
        block.extend_from_slice(b"\r\n");
        if line.is_empty() {
            break;
        }
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
    match httparse::parse_headers(&block, &mut fields) {
        Ok(httparse::Status::Complete((_, parsed))) => Ok(Headers::from(parsed)),
        other => Err(WireError::Malformed(format!(
            "trailers {}: {other:?}",
            excerpt(&block)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_whole(bytes: &[u8], length: Length) -> (Result<Vec<u8>, WireError>, Vec<u8>) {
        let mut wire = Wire::new(bytes);
        let mut reader = BodyReader::new(length);
        let mut body = Vec::new();
        let result = loop {
            match reader.next(&mut wire).await {
                Ok(Some(piece)) => body.extend(piece),
                Ok(None) => break Ok(body),
                Err(error) => break Err(error),
            }
        };
        (result, wire.unread().to_vec())
    }

    #[tokio::test]
    async fn leaves_what_follows_a_message() {
        let (body, rest) = read_whole(b"hello, more", Length::Known(5)).await;
        assert_eq!(
            (body.unwrap(), rest),
            (b"hello".to_vec(), b", more".to_vec())
        );
        let (body, rest) = read_whole(b"3\r\nabc\r\n0\r\n\r\nmore", Length::Chunked).await;
        assert_eq!((body.unwrap(), rest), (b"abc".to_vec(), b"more".to_vec()));
    }

    #[tokio::test]
    async fn sees_truncation_and_bad_chunks() {
        for (bytes, length, message) in [
            (
                &b"hel"[..],
                Length::Known(5),
                "cut off before the end of 5 bytes",
            ),
            (
                b"3\r\nabc\r\n",
                Length::Chunked,
                "cut off in the chunked coding",
            ),
            (
                b"3\r\nabcX\r\n",
                Length::Chunked,
                "malformed: \"X\" behind a chunk",
            ),
            (
                b"+3\r\nabc\r\n",
                Length::Chunked,
                "malformed: chunk size \"+3\"",
            ),
            (
                b"3\nabc\r\n",
                Length::Chunked,
                "malformed: a line without CR: \"3\\n\"",
            ),
        ] {
            let (result, _) = read_whole(bytes, length).await;
            assert_eq!(result.unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn refuses_two_lengths() {
        let mut headers = Headers::default();
        headers.push("content-length", "3");
        headers.push("transfer-encoding", "chunked");
        assert!(Length::of(&headers).is_err());
    }
}
