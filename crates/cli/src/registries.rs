//! What the commands that ask a registry have in common.

use crate::failure::Failure;
use clap::Args;
use tollgate_bundle::Error;

#[derive(Args)]
pub(crate) struct Transport {
    /// Talk to the registry without TLS, and so without credentials; on this machine it is so anyway
    #[arg(long)]
    pub(crate) plain_http: bool,
}

/// What was refused is wrong; the rest could not be looked at.
pub(crate) fn failure(error: Error) -> Failure {
    match error {
        Error::Refused(text) => Failure::Wrong(format!("refused: {text}\n")),
        Error::Failed(error) => Failure::Command(error),
    }
}
