//! The driver for a real Envoy: every scenario below `scenarios/` is a test of its own, run
//! against the module in an Envoy that `tollgate envoy-config` configured.
//!
//! `make test` sets what it needs: `TOLLGATE_ENVOY` (Envoy's binary), `TOLLGATE_CLI` (ours) and
//! `TOLLGATE_MODULE` (the Wasm module).

#![expect(clippy::print_stderr, reason = "a test runner talks to the terminal")]

mod arrangement;
mod driver;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};
use tollgate_host_tests::corpus::{self, Test};
use tollgate_host_tests::scenario::Gateway;

use crate::driver::Driver;

/// Tests mostly wait for each other's bytes, so more of them run at once than there are cores.
const THREADS: usize = 8;

fn main() -> ExitCode {
    match run(Arguments::from_args()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("host-tests: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Arguments) -> Result<ExitCode> {
    arguments.test_threads.get_or_insert(THREADS);
    let tests = corpus::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"))?;
    if arguments.list {
        let trials = tests
            .into_iter()
            .map(|test| Trial::test(test.name, || Ok(())));
        return Ok(libtest_mimic::run(&arguments, trials.collect()).exit_code());
    }
    // The processes are started from this thread, which lives as long as they must.
    let driver = Arc::new(Driver::start(&needed(&arguments, &tests))?);
    let trials = tests
        .into_iter()
        .enumerate()
        .map(|(i, test)| trial(&driver, i, test));
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let found = driver.audit()?;
    for problem in &found {
        eprintln!("audit: {problem}");
    }
    if conclusion.has_failed() || !found.is_empty() {
        driver.keep_logs()?;
        return Ok(ExitCode::from(101));
    }
    Ok(ExitCode::SUCCESS)
}

/// The arrangements of the tests that will run.
fn needed(arguments: &Arguments, tests: &[Test]) -> Vec<Gateway> {
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let runs = |test: &&Test| test.name.contains(filter);
    let used: Vec<_> = tests.iter().filter(runs).map(|test| test.gateway).collect();
    Gateway::ALL
        .into_iter()
        .filter(|gateway| used.contains(gateway))
        .collect()
}

fn trial(driver: &Arc<Driver>, number: usize, test: Test) -> Trial {
    let driver = driver.clone();
    let name = test.name.clone();
    Trial::test(name, move || driver.run(number, &test).map_err(Into::into))
}
