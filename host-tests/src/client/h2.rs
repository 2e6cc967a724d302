//! The HTTP/2 client.

use std::future;
use std::io;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::HeaderMap;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use tokio::net::TcpStream;
use tokio::time::{Duration, sleep};

use super::{BETWEEN_PIECES, End, Outgoing, Seen};
use crate::flow;
use crate::headers::Headers;
use crate::scenario::{Abort, Framing};

/// A connection that carries one stream after another.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Bytes>,
}

impl Connection {
    pub(super) async fn open(stream: TcpStream) -> io::Result<Self> {
        let (sender, connection) = h2::client::handshake(stream)
            .await
            .map_err(io::Error::other)?;
        // How the connection ends is seen by the streams on it.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self { sender })
    }

    pub(super) async fn exchange(&mut self, outgoing: &Outgoing) -> Result<Seen, String> {
        let request = head(outgoing)?;
        let trailers = outgoing.trailers.to_map()?;
        let ends_at_headers = outgoing.body.is_none() && trailers.is_empty();
        let mut ready = self
            .sender
            .clone()
            .ready()
            .await
            .map_err(|e| format!("the gateway closed the connection: {e}"))?;
        let (answer, stream) = ready
            .send_request(request, ends_at_headers)
            .map_err(|e| format!("the request can't be sent on HTTP/2: {e}"))?;
        let mut seen = Seen::default();
        let sending = async {
            let sent = match ends_at_headers {
                true => Ok(Some(stream)),
                false => send(stream, outgoing, trailers).await,
            };
            match sent {
                Ok(stream) => leave(outgoing, stream).await,
                // The gateway reset the stream; its answer may have come before that.
                Err(_) => future::pending().await,
            }
        };
        // Whichever ends first drops the other: a stream with no handle left is reset (CANCEL).
        tokio::select! {
            biased;
            received = receive(answer, outgoing, &mut seen) => {
                if let Err(error) = received {
                    seen.end = End::Cut(error.to_string());
                }
            }
            () = sending => {}
        }
        Ok(seen)
    }
}

/// Ends when the client leaves by its own clock or for what it has sent; else never. Holds the
/// stream, since dropping it too early would reset it.
async fn leave(outgoing: &Outgoing, _stream: Option<SendStream<Bytes>>) {
    match outgoing.abort {
        Some(Abort::AfterRequestBytes(_)) => sleep(BETWEEN_PIECES).await,
        Some(Abort::AfterMs(ms)) => sleep(Duration::from_millis(ms)).await,
        _ => future::pending().await,
    }
}

async fn send(
    mut stream: SendStream<Bytes>,
    outgoing: &Outgoing,
    trailers: HeaderMap,
) -> Result<Option<SendStream<Bytes>>, h2::Error> {
    let (pieces, stops) = outgoing.pieces();
    let last = pieces.len() - 1;
    for (i, piece) in pieces.into_iter().enumerate() {
        if i > 0 {
            sleep(BETWEEN_PIECES).await;
        }
        let ends = i == last && !stops && trailers.is_empty();
        if ends || !piece.is_empty() {
            flow::send(&mut stream, piece, ends).await?;
        }
    }
    if !stops && !trailers.is_empty() {
        stream.send_trailers(trailers)?;
    }
    Ok(Some(stream))
}

async fn receive(
    answer: ResponseFuture,
    outgoing: &Outgoing,
    seen: &mut Seen,
) -> Result<(), h2::Error> {
    let (head, mut body) = answer.await?.into_parts();
    seen.status = Some(head.status.as_u16());
    seen.headers = Headers::from(&head.headers);
    while let Some(piece) = next_piece(&mut body).await? {
        seen.body.extend_from_slice(&piece);
        if outgoing.leaves_at(&seen.body) {
            return Ok(());
        }
    }
    if let Some(trailers) = body.trailers().await? {
        seen.trailers = Headers::from(&trailers);
    }
    seen.end = End::Complete;
    Ok(())
}

async fn next_piece(body: &mut RecvStream) -> Result<Option<Bytes>, h2::Error> {
    let Some(piece) = body.data().await else {
        return Ok(None);
    };
    let piece = piece?;
    body.flow_control().release_capacity(piece.len())?;
    Ok(Some(piece))
}

fn head(outgoing: &Outgoing) -> Result<http::Request<()>, String> {
    let unfit = |part: &str, error: &dyn std::fmt::Display| {
        format!("the {part} can't be sent on HTTP/2: {error}")
    };
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(Authority::try_from(&outgoing.host[..]).map_err(|e| unfit("host", &e))?)
        .path_and_query(PathAndQuery::try_from(&outgoing.path[..]).map_err(|e| unfit("path", &e))?)
        .build()
        .map_err(|e| unfit("target", &e))?;
    let mut request = http::Request::new(());
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_2;
    *request.method_mut() = outgoing
        .method
        .parse()
        .map_err(|e: http::method::InvalidMethod| unfit("method", &e))?;
    let mut fields = outgoing.headers.clone();
    if let (Some(body), Framing::Length) = (&outgoing.body, outgoing.framing) {
        fields.push_default("content-length", body.len().to_string());
    }
    *request.headers_mut() = fields.to_map()?;
    Ok(request)
}
