//! The `tollgate` command: one module per subcommand, each with its arguments and a `run`.
//!
//! Exit codes: 0 done; 1 what was looked at is wrong (rules, a configuration, a module); 2 the
//! command could not be carried out (arguments, files, the network).

mod bundle;
mod drain;
mod envoy_config;
mod failure;
mod images;
mod keys;
mod output;
mod policy;
mod registries;
mod why;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::io::{self, Write};
use std::process::ExitCode;

/// Tollgate: a tenant edge for LLM traffic, inside Envoy
#[derive(Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check and compile rule files
    #[command(subcommand)]
    Policy(policy::Command),
    /// Make virtual keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Write the Envoy configuration that loads the module
    EnvoyConfig(Box<envoy_config::EnvoyConfig>),
    Why(why::Why),
    Drain(drain::Drain),
    /// The module as an OCI artifact
    #[command(subcommand)]
    Bundle(bundle::Command),
    /// Others' images
    #[command(subcommand)]
    Images(images::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    let done = match cli.command {
        Command::Policy(command) => policy::run(command, &mut out),
        Command::Keys(command) => keys::run(command, &mut out),
        Command::EnvoyConfig(command) => envoy_config::run(&command, &mut out),
        Command::Why(command) => why::run(&command, &mut out),
        Command::Drain(command) => drain::run(&command, &mut out),
        Command::Bundle(command) => bundle::run(command, &mut out),
        Command::Images(command) => images::run(command, &mut out),
    };
    match done.and_then(|()| out.flush().map_err(Failure::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&mut io::stderr().lock()),
    }
}
