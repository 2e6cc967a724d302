//! Why something ended early: it is not what it should be, or it could not be carried out.

use std::fmt;

/// The outcome of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Told apart, since a script does: a module that must not be loaded is no network that is down.
#[derive(Debug)]
pub enum Error {
    /// What was looked at is not what it should be; the text says what was expected and found.
    Refused(String),
    /// It could not be looked at, or not be written.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) => f.write_str(text),
            Self::Failed(error) => write!(f, "{error:#}"),
        }
    }
}

pub(crate) fn refused(text: impl Into<String>) -> Error {
    Error::Refused(text.into())
}

/// Text that others wrote, bounded and escaped for a terminal.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 200;
    let cut = text.chars().nth(MOST).map_or("", |_| "...");
    let beginning: String = text.chars().take(MOST).collect();
    format!("{}{cut}", beginning.escape_debug())
}
