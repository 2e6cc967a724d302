//! Sending on an HTTP/2 stream, as fast as the peer's flow control allows.

use std::future;

use bytes::Bytes;
use h2::{Reason, SendStream};

/// Sends these bytes, and the end of the stream behind them if it `ends`.
pub(crate) async fn send(
    stream: &mut SendStream<Bytes>,
    mut piece: Bytes,
    ends: bool,
) -> Result<(), h2::Error> {
    while !piece.is_empty() {
        stream.reserve_capacity(piece.len());
        let capacity = future::poll_fn(|context| stream.poll_capacity(context)).await;
        let capacity = capacity.ok_or(Reason::CANCEL)??;
        let now = piece.split_to(capacity.min(piece.len()));
        let ends_now = ends && piece.is_empty();
        stream.send_data(now, ends_now)?;
        if ends_now {
            return Ok(());
        }
    }
    match ends {
        true => stream.send_data(Bytes::new(), true),
        false => Ok(()),
    }
}
