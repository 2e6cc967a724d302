//! Why a command ended early, and the exit code for it.

use std::io::Write;
use std::process::ExitCode;

/// What `main` prints to standard error.
pub(crate) enum Failure {
    /// What was looked at is wrong; the text is printed as it is: exit code 1.
    Wrong(String),
    /// Anything else that kept the command from being carried out: exit code 2.
    Command(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Command(error.into())
    }
}

impl Failure {
    /// Prints the failure. Where standard error itself is gone, the exit code still tells.
    pub(crate) fn report(self, err: &mut impl Write) -> ExitCode {
        match self {
            Self::Wrong(text) => {
                let _ = err.write_all(text.as_bytes());
                ExitCode::from(1)
            }
            Self::Command(error) => {
                let _ = writeln!(err, "error: {error:#}");
                ExitCode::from(2)
            }
        }
    }
}
