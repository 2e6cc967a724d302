//! Reading HTTP/1.1 at byte level, strictly: what both our client and our upstream rest on.
//!
//! Nothing is repaired. What does not follow RFC 9112 to the letter is an error that carries the
//! bytes, so that a test sees a smuggled byte or a wrong length instead of a lenient reading.

mod body;

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

pub use body::{BodyReader, Length};

/// The longest head that is read, in bytes.
const HEAD_LIMIT: usize = 256 * 1024;
/// The most header fields in a head.
pub const FIELD_LIMIT: usize = 256;

/// Why a message could not be read.
#[derive(Debug)]
pub enum WireError {
    /// The connection ended or failed inside a message.
    Cut(String),
    /// Bytes that are not HTTP/1.1.
    Malformed(String),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(what) => write!(f, "cut off {what}"),
            Self::Malformed(what) => write!(f, "malformed: {what}"),
        }
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Cut(format!("by {error}"))
    }
}

/// The receiving half of a connection, with what was read and not yet used.
#[derive(Debug)]
pub struct Wire<R> {
    reader: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Wire<R> {
    /// Nothing is read yet.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
        }
    }

    /// Bytes that came and belong to no message read so far.
    pub fn unread(&self) -> &[u8] {
        &self.buffer
    }

    /// Waits for more bytes; `false` at the end of the connection.
    pub async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.reader.read_buf(&mut self.buffer).await? > 0)
    }

    /// The next head with its empty line; `None` where the connection ends before one begins.
    pub async fn head(&mut self) -> Result<Option<Vec<u8>>, WireError> {
        let mut searched = 0;
        loop {
            let from = searched.min(self.buffer.len());
            if let Some(at) = memchr::memmem::find(&self.buffer[from..], b"\r\n\r\n") {
                return Ok(Some(self.take(from + at + 4)));
            }
            if self.buffer.len() > HEAD_LIMIT {
                let shown = excerpt(&self.buffer);
                return Err(WireError::Malformed(format!(
                    "no end of the head in {shown}"
                )));
            }
            searched = self.buffer.len().saturating_sub(3);
            if !self.fill().await? {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(WireError::Cut(format!(
                        "in a head, after {}",
                        excerpt(&self.buffer)
                    ))),
                };
            }
        }
    }

    /// A line, without its CRLF.
    async fn line(&mut self) -> Result<Vec<u8>, WireError> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                let mut line = self.take(at + 1);
                if !line.ends_with(b"\r\n") {
                    let shown = excerpt(&line);
                    return Err(WireError::Malformed(format!("a line without CR: {shown}")));
                }
                line.truncate(at - 1);
                return Ok(line);
            }
            if !self.fill().await? {
                return Err(WireError::Cut("in the chunked coding".to_owned()));
            }
        }
    }

    /// Up to `most` bytes, as many as are there; at least one.
    async fn some(&mut self, most: usize, whole: &str) -> Result<Vec<u8>, WireError> {
        if self.buffer.is_empty() && !self.fill().await? {
            return Err(WireError::Cut(format!("before the end of {whole}")));
        }
        Ok(self.take(most.min(self.buffer.len())))
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(n);
        std::mem::replace(&mut self.buffer, rest)
    }
}

/// The beginning of some bytes, escaped, for a message.
pub fn excerpt(bytes: &[u8]) -> String {
    let shown = bytes[..bytes.len().min(200)].escape_ascii();
    match bytes.len() {
        0..=200 => format!("\"{shown}\""),
        n => format!("\"{shown}\"… ({n} bytes)"),
    }
}
