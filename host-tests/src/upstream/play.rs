//! Playing one scripted answer.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use super::Script;
use crate::scenario::{Answer, BETWEEN_SPLITS, Framing, Splits, Step};
use crate::wire::Wire;

/// What becomes of the connection.
pub(super) enum After {
    KeepOpen,
    Close,
    Reset,
}

/// Plays an answer. Says whether the gateway was there to the end, and what comes after.
pub(super) async fn play<R, W>(script: &Script, wire: &mut Wire<R>, writer: &mut W) -> (bool, After)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Some(answer) = &script.answer else {
        return unexpected(writer).await;
    };
    match play_steps(answer, script, wire, writer).await {
        Ok(After::KeepOpen) if answer.framing == Framing::UntilClose => (true, After::Close),
        Ok(after) => (true, after),
        Err(_) => (false, After::Close),
    }
}

/// A request that should not have come gets an answer that no scenario expects.
async fn unexpected<W: AsyncWrite + Unpin>(writer: &mut W) -> (bool, After) {
    let answer =
        b"HTTP/1.1 500 Not Expected Here\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    (writer.write_all(answer).await.is_ok(), After::Close)
}

async fn play_steps<R, W>(
    answer: &Answer,
    script: &Script,
    wire: &mut Wire<R>,
    writer: &mut W,
) -> io::Result<After>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    for step in &answer.before {
        match step {
            Step::PauseMs(ms) => pause(wire, *ms, script).await?,
            Step::Reset => return Ok(After::Reset),
            Step::Close => return Ok(After::Close),
            // Bytes before the status line: an interim answer, or nonsense.
            other => writer.write_all(&other.bytes()).await?,
        }
    }
    writer.write_all(&head(answer)).await?;
    let pieces = answer.pieces();
    for (i, piece) in pieces.iter().enumerate() {
        if i > 0 && answer.splits != Splits::AsWritten {
            sleep(BETWEEN_SPLITS).await;
        }
        match piece {
            Step::PauseMs(ms) => pause(wire, *ms, script).await?,
            Step::Reset => return Ok(After::Reset),
            Step::Close => return Ok(After::Close),
            bytes => write_piece(answer.framing, &bytes.bytes(), writer).await?,
        }
    }
    if answer.framing == Framing::Chunked {
        let end = [&b"0\r\n"[..], &answer.trailers.to_lines(), b"\r\n"].concat();
        writer.write_all(&end).await?;
    }
    Ok(After::KeepOpen)
}

/// Waits, but not for a gateway that is gone.
async fn pause<R: AsyncRead + Unpin>(
    wire: &mut Wire<R>,
    ms: u64,
    script: &Script,
) -> io::Result<()> {
    let gone = async {
        while wire.fill().await? {}
        Err(io::ErrorKind::UnexpectedEof.into())
    };
    tokio::select! {
        gone = gone => gone,
        () = super::pause(ms, script.resumed.clone()) => Ok(()),
    }
}

async fn write_piece<W: AsyncWrite + Unpin>(
    framing: Framing,
    piece: &[u8],
    writer: &mut W,
) -> io::Result<()> {
    // An empty chunk would end the body.
    if framing != Framing::Chunked || piece.is_empty() {
        return writer.write_all(piece).await;
    }
    let size = format!("{:x}\r\n", piece.len());
    writer
        .write_all(&[size.as_bytes(), piece, b"\r\n"].concat())
        .await
}

fn head(answer: &Answer) -> Vec<u8> {
    let mut headers = answer.fields();
    match answer.framing {
        Framing::Length => headers.push("content-length", answer.bytes().len().to_string()),
        Framing::Chunked => headers.push("transfer-encoding", "chunked"),
        Framing::UntilClose => headers.push("connection", "close"),
        Framing::AsWritten => {}
    }
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", answer.status).into_bytes();
    head.extend_from_slice(&headers.to_lines());
    head.extend_from_slice(b"\r\n");
    head
}
