//! What Tollgate promises over time, each shown with a real Envoy of its own: traps, edits while
//! requests run, starts without a policy, rotated secrets, floods of uploads, chains of modules.
//!
//! `make test` sets what it needs: `TOLLGATE_ENVOY` (Envoy's binary), `TOLLGATE_CLI` (ours) and
//! `TOLLGATE_MODULE` (the gateway module; the other modules are beside it).

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test runner talks to the terminal"
)]

mod accounts;
mod budgets;
mod chain;
mod client;
mod concurrency;
mod cost_header;
mod counters;
mod counting;
mod credentials;
mod decompressor;
mod edits;
mod failover;
mod flood;
mod gateway;
mod gauges;
mod keys;
mod learning;
mod lost_vms;
mod messages;
mod modules;
mod overload;
mod overruns;
mod partial_chains;
mod picker;
mod refused_bodies;
mod refused_edits;
mod rules;
mod setup;
mod shared_data;
mod start;
mod traps;
mod uploads;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};
use tollgate_host_tests::envoy::tail;

/// A promise: its test gets an empty folder.
type Promise = (&'static str, fn(&Path) -> Result<()>);

/// Tests mostly wait, but each starts an Envoy.
const THREADS: usize = 4;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let promises = [
        traps::PROMISES,
        edits::PROMISES,
        refused_edits::PROMISES,
        start::PROMISES,
        credentials::PROMISES,
        decompressor::PROMISES,
        uploads::PROMISES,
        refused_bodies::PROMISES,
        overload::PROMISES,
        modules::PROMISES,
        chain::PROMISES,
        partial_chains::PROMISES,
        failover::PROMISES,
        keys::PROMISES,
        counting::PROMISES,
        budgets::PROMISES,
        picker::PROMISES,
        concurrency::PROMISES,
        lost_vms::PROMISES,
        counters::PROMISES,
        overruns::PROMISES,
        gauges::PROMISES,
        shared_data::PROMISES,
        cost_header::PROMISES,
        learning::PROMISES,
    ];
    let trials = promises.concat().into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial((name, show): Promise) -> Trial {
    Trial::test(name, move || {
        let folder = tempfile::Builder::new()
            .prefix("tollgate-lifecycle-")
            .tempdir()?;
        show(folder.path()).map_err(|error| {
            let log = tail(&folder.path().join("envoy/envoy.log"));
            let kept = folder.keep();
            eprintln!(
                "\n{name}: {error:#}\nEnvoy's log ends:\n{log}\nkept: {}\n",
                kept.display()
            );
            format!("{error:#}").into()
        })
    })
}
