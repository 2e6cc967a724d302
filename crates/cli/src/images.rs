//! `tollgate images`: what others' images are named by.

use crate::failure::Failure;
use crate::registries::{Transport, failure};
use clap::{Args, Subcommand};
use std::io::Write;
use tollgate_bundle::{Pinned, Tagged};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print the digest that a tag names now; exit code 1 if there is no such tag
    Resolve(Resolve),
}

#[derive(Args)]
pub(crate) struct Resolve {
    /// An image, by its tag
    #[arg(value_name = "REGISTRY/REPOSITORY:TAG")]
    reference: Tagged,
    #[command(flatten)]
    transport: Transport,
}

pub(crate) fn run(command: Command, out: &mut impl Write) -> Result<(), Failure> {
    let Command::Resolve(Resolve {
        reference,
        transport,
    }) = command;
    let digest = tollgate_bundle::resolve(&reference, transport.plain_http).map_err(failure)?;
    let location = reference.location;
    writeln!(out, "{}", Pinned { location, digest })?;
    Ok(())
}
