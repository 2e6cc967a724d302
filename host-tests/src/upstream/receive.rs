//! Reading one request, strictly.

use tokio::io::AsyncRead;

use crate::headers::Headers;
use crate::wire::{BodyReader, FIELD_LIMIT, Length, Wire, WireError, excerpt};

/// How much of a body is kept for [`Received::beginning`], in bytes.
const BEGINNING: usize = 64 * 1024;

/// A request as it was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The name under which the upstream was reached.
    pub at: String,
    /// The method.
    pub method: String,
    /// The request target.
    pub path: String,
    /// Fields, names in lower case.
    pub headers: Headers,
    /// The body without transfer coding.
    pub body: Vec<u8>,
    /// Trailers of a chunked body.
    pub trailers: Headers,
    /// Whether the gateway took the whole answer.
    pub answer_taken: bool,
    /// The head's bytes.
    pub head: Vec<u8>,
}

impl Received {
    /// The head and the first 64 KiB of the body.
    pub fn beginning(&self) -> Vec<u8> {
        let body = &self.body[..self.body.len().min(BEGINNING)];
        [&self.head, body].concat()
    }
}

/// The next request; `None` where the connection ends before one begins.
pub(super) async fn read_request<R: AsyncRead + Unpin>(
    wire: &mut Wire<R>,
    at: &str,
) -> Result<Option<Received>, WireError> {
    let head = match wire.head().await {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(None),
        // Envoy resets a connection whose answer it did not like: where no request has begun, that
        // is an end like any other.
        Err(_) if wire.unread().is_empty() => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut received = parse_head(head, at)?;
    let length = Length::of(&received.headers)?.unwrap_or(Length::Known(0));
    let mut reader = BodyReader::new(length);
    while let Some(piece) = reader.next(wire).await? {
        received.body.extend_from_slice(&piece);
    }
    received.trailers = reader.into_trailers();
    Ok(Some(received))
}

fn parse_head(head: Vec<u8>, at: &str) -> Result<Received, WireError> {
    let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(&head) {
        Ok(httparse::Status::Complete(_)) => Ok(Received {
            at: at.to_owned(),
            method: request.method.unwrap_or_default().to_owned(),
            path: request.path.unwrap_or_default().to_owned(),
            headers: Headers::from(&*request.headers),
            body: Vec::new(),
            trailers: Headers::default(),
            answer_taken: false,
            head,
        }),
        other => Err(WireError::Malformed(format!(
            "a request's head {}: {other:?}",
            excerpt(&head)
        ))),
    }
}
