//! The HTTP/1.1 client, at byte level.

use std::future;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Duration, sleep};

use super::{BETWEEN_PIECES, End, Outgoing, Seen};
use crate::headers::Headers;
use crate::scenario::{Abort, Framing};
use crate::wire::{BodyReader, FIELD_LIMIT, Length, Wire, WireError, excerpt};

/// A connection that carries one exchange after another.
#[derive(Debug)]
pub struct Connection {
    halves: Option<(Wire<OwnedReadHalf>, OwnedWriteHalf)>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            halves: Some((Wire::new(reader), writer)),
        }
    }

    pub(super) fn surplus(&self) -> &[u8] {
        self.halves.as_ref().map_or(&[], |(wire, _)| wire.unread())
    }

    pub(super) async fn exchange(&mut self, outgoing: &Outgoing) -> Result<Seen, String> {
        let surplus = self.surplus();
        if !surplus.is_empty() {
            return Err(format!(
                "bytes behind the answer before: {}",
                excerpt(surplus)
            ));
        }
        let (wire, writer) = self
            .halves
            .as_mut()
            .ok_or("the gateway closed the connection after the answer before")?;
        let mut seen = Seen::default();
        let keep_open = run(wire, writer, outgoing, &mut seen).await;
        if !keep_open {
            self.halves = None;
        }
        Ok(seen)
    }
}

/// Sends and receives at once, since a gateway may answer before it has the whole request.
/// Says whether the connection can carry another exchange.
async fn run(
    wire: &mut Wire<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
    outgoing: &Outgoing,
    seen: &mut Seen,
) -> bool {
    let sending = async {
        match send(writer, outgoing).await {
            Ok(()) => leave(outgoing).await,
            // The gateway hung up; what it said before that is still there to be read.
            Err(_) => future::pending().await,
        }
    };
    tokio::select! {
        biased;
        received = receive(wire, outgoing, seen) => match received {
            Ok(keep_open) => keep_open,
            Err(error) => {
                seen.end = End::Cut(error.to_string());
                false
            }
        },
        () = sending => false,
    }
}

/// Ends when the client hangs up by its own clock or for what it has sent; else never.
async fn leave(outgoing: &Outgoing) {
    match outgoing.abort {
        Some(Abort::AfterRequestBytes(_)) => {}
        Some(Abort::AfterMs(ms)) => sleep(Duration::from_millis(ms)).await,
        _ => future::pending().await,
    }
}

async fn send(writer: &mut OwnedWriteHalf, outgoing: &Outgoing) -> std::io::Result<()> {
    if let Some(raw) = &outgoing.raw {
        return writer.write_all(raw).await;
    }
    let chunked = outgoing.body.is_some() && outgoing.framing == Framing::Chunked;
    let (pieces, stops) = outgoing.pieces();
    let mut bytes = head(outgoing);
    for (i, piece) in pieces.iter().enumerate() {
        if i > 0 {
            writer.write_all(&bytes).await?;
            bytes.clear();
            sleep(BETWEEN_PIECES).await;
        }
        if chunked && !piece.is_empty() {
            bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        }
        bytes.extend_from_slice(piece);
        if chunked && !piece.is_empty() {
            bytes.extend_from_slice(b"\r\n");
        }
    }
    if chunked && !stops {
        bytes.extend_from_slice(b"0\r\n");
        bytes.extend_from_slice(&outgoing.trailers.to_lines());
        bytes.extend_from_slice(b"\r\n");
    }
    writer.write_all(&bytes).await
}

fn head(outgoing: &Outgoing) -> Vec<u8> {
    let mut head = outgoing.method.clone().into_bytes();
    head.push(b' ');
    head.extend_from_slice(&outgoing.path);
    head.extend_from_slice(b" HTTP/1.1\r\n");
    let mut fields = Headers::default();
    fields.push("host", outgoing.host.clone());
    fields.0.extend_from_slice(&outgoing.headers.0);
    match (&outgoing.body, outgoing.framing) {
        (Some(body), Framing::Length) => {
            fields.push_default("content-length", body.len().to_string());
        }
        (Some(_), Framing::Chunked) => fields.push_default("transfer-encoding", "chunked"),
        _ => {}
    }
    head.extend_from_slice(&fields.to_lines());
    head.extend_from_slice(b"\r\n");
    head
}

/// Reads the answer into `seen`. Says whether the connection can carry another exchange.
async fn receive(
    wire: &mut Wire<OwnedReadHalf>,
    outgoing: &Outgoing,
    seen: &mut Seen,
) -> Result<bool, WireError> {
    loop {
        let Some(head) = wire.head().await? else {
            return Err(WireError::Cut("before an answer".to_owned()));
        };
        let (status, headers) = parse_head(&head)?;
        seen.status = Some(status);
        seen.headers = headers;
        if status >= 200 {
            break;
        }
    }
    let length = body_length(outgoing, seen)?;
    let mut body = BodyReader::new(length);
    while let Some(piece) = body.next(wire).await? {
        seen.body.extend_from_slice(&piece);
        if outgoing.leaves_at(&seen.body) {
            return Ok(false);
        }
    }
    seen.trailers = body.into_trailers();
    seen.end = End::Complete;
    let closes = seen
        .headers
        .value("connection")
        .is_some_and(|v| v.eq_ignore_ascii_case(b"close"));
    Ok(!closes && length != Length::UntilClose)
}

fn parse_head(head: &[u8]) -> Result<(u16, Headers), WireError> {
    let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
    let mut response = httparse::Response::new(&mut fields);
    match (response.parse(head), response.code) {
        (Ok(httparse::Status::Complete(_)), Some(code)) => {
            Ok((code, Headers::from(&*response.headers)))
        }
        (other, _) => Err(WireError::Malformed(format!(
            "an answer's head {}: {other:?}",
            excerpt(head)
        ))),
    }
}

fn body_length(outgoing: &Outgoing, seen: &Seen) -> Result<Length, WireError> {
    let bodiless = matches!(seen.status, Some(204 | 304)) || outgoing.method == "HEAD";
    match Length::of(&seen.headers)? {
        _ if bodiless => Ok(Length::Known(0)),
        Some(length) => Ok(length),
        None => Ok(Length::UntilClose),
    }
}
