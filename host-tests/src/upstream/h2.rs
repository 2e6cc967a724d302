//! The scripted upstream over HTTP/2, without TLS and by prior knowledge.

use std::future;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Received, Script, State, scenario_of};
use crate::flow;
use crate::headers::Headers;
use crate::scenario::{Answer, BETWEEN_SPLITS, Framing, Splits, Step};

/// Serves one connection, its streams side by side.
pub(super) async fn serve(stream: TcpStream, name: String, state: Arc<State>) {
    let mut connection = match h2::server::handshake(stream).await {
        Ok(connection) => connection,
        Err(error) => return state.stray(format!("{name}: no HTTP/2: {error}")),
    };
    while let Some(accepted) = connection.accept().await {
        match accepted {
            Ok((request, respond)) => {
                tokio::spawn(exchange(request, respond, name.clone(), state.clone()));
            }
            // The gateway is gone, which ends a connection as well as anything.
            Err(error) if error.is_io() || error.is_go_away() => return,
            Err(error) => return state.stray(format!("{name}: not HTTP/2: {error}")),
        }
    }
}

async fn exchange(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    name: String,
    state: Arc<State>,
) {
    let received = match receive(request, &name).await {
        Ok(received) => received,
        Err(error) => return state.stray(format!("{name}: a request cut off: {error}")),
    };
    let id = scenario_of(&received);
    let Some(script) = state.begin(&id, received) else {
        return state.stray(format!("{name}: a request of no running scenario ({id:?})"));
    };
    let played = match &script.answer {
        Some(answer) if script.number < answer.refuse_first => {
            respond.send_reset(Reason::REFUSED_STREAM);
            Ok(())
        }
        Some(answer) => play(answer, &script, &mut respond).await,
        None => {
            // A request that should not have come.
            respond.send_reset(Reason::INTERNAL_ERROR);
            Ok(())
        }
    };
    state.end(&id, script.number, played.is_ok());
}

async fn receive(request: http::Request<RecvStream>, name: &str) -> Result<Received, h2::Error> {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        stream.flow_control().release_capacity(piece.len())?;
        body.extend_from_slice(&piece);
    }
    let trailers = stream.trailers().await?.unwrap_or_default();
    let headers = Headers::from(&head.headers);
    let path = head.uri.path_and_query();
    let line = format!("{} {} HTTP/2\r\n", head.method, head.uri);
    Ok(Received {
        at: name.to_owned(),
        method: head.method.to_string(),
        path: path.map_or_else(String::new, ToString::to_string),
        head: [line.as_bytes(), &headers.to_lines()].concat(),
        headers,
        body,
        trailers: Headers::from(&trailers),
        answer_taken: false,
    })
}

/// An error: the gateway reset the stream before the answer was whole.
async fn play(
    answer: &Answer,
    script: &Script,
    respond: &mut SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    for step in &answer.before {
        match step {
            Step::PauseMs(ms) => {
                let gone = future::poll_fn(|context| respond.poll_reset(context));
                pause(*ms, script, gone).await?;
            }
            _ => {
                respond.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
        }
    }
    let mut stream = respond.send_response(head(answer)?, false)?;
    for (i, piece) in answer.pieces().iter().enumerate() {
        if i > 0 && answer.splits != Splits::AsWritten {
            sleep(BETWEEN_SPLITS).await;
        }
        match piece {
            Step::PauseMs(ms) => {
                let gone = future::poll_fn(|context| stream.poll_reset(context));
                pause(*ms, script, gone).await?;
            }
            Step::Reset | Step::Close => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            bytes => flow::send(&mut stream, bytes.bytes().into(), false).await?,
        }
    }
    end(answer, stream).await
}

async fn end(answer: &Answer, mut stream: SendStream<Bytes>) -> Result<(), h2::Error> {
    if answer.trailers.0.is_empty() {
        return flow::send(&mut stream, Bytes::new(), true).await;
    }
    stream.send_trailers(answer.trailers.to_map().map_err(unfit)?)
}

/// Waits, but not for a gateway that reset the stream.
async fn pause(
    ms: u64,
    script: &Script,
    gone: impl Future<Output = Result<Reason, h2::Error>>,
) -> Result<(), h2::Error> {
    tokio::select! {
        reason = gone => Err(reason?.into()),
        () = super::pause(ms, script.resumed.clone()) => Ok(()),
    }
}

fn head(answer: &Answer) -> Result<http::Response<()>, h2::Error> {
    let mut fields = answer.fields();
    if answer.framing == Framing::Length {
        fields.push("content-length", answer.bytes().len().to_string());
    }
    let mut head = http::Response::new(());
    *head.status_mut() =
        http::StatusCode::from_u16(answer.status).map_err(|_| Reason::INTERNAL_ERROR)?;
    *head.headers_mut() = fields.to_map().map_err(unfit)?;
    Ok(head)
}

/// What a scenario writes and HTTP/2 can't carry shows as a reset.
fn unfit(_why: String) -> h2::Error {
    Reason::INTERNAL_ERROR.into()
}
