//! Shared data that the host has lost or that another wrote: what is not ours is left alone, and
//! nobody is served on it; what is gone is counted anew, and what was in flight is charged whole.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::Promise;
use crate::accounts::{limit, limited, pico, priced_chat, reporting, settled, usage};
use crate::client::refused;
use crate::gateway::{Gateway, wait_for};
use crate::messages::{chat, held};
use crate::setup::Setup;
use crate::traps::trapping;

pub(crate) const PROMISES: &[Promise] = &[
    ("shared-data/of-another-layout-is-left-alone", foreign),
    ("shared-data/that-is-lost-charges-what-is-in-flight", lost),
];

const RECORD: &str = "tollgate.accounts.key:acme/one/k";
/// A record that was just made: layout 2, nothing in it.
const EMPTY: &str = "02000000000000000100000000000000";

fn start(folder: &Path) -> Result<Gateway> {
    let setup = Setup::new(folder)?.module("tollgate_trap.wasm")?;
    let limits = "{budget: 1, per: ever}, {concurrency: 9}";
    setup.configure(&limited(&[("one", limits), ("two", limits)]))?;
    setup.start()
}

/// Writes this in the place of the record of the key of `one`.
fn overwrite(gateway: &Gateway, hex: &str) -> Result<()> {
    let command = format!("write {RECORD} {hex}");
    let request = trapping("two", &command, "/v1/chat/completions");
    gateway.serves(&request, &reporting(1, 1, 0))?;
    Ok(())
}

fn foreign(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    gateway.serves(&priced_chat("one", 10), &reporting(1, 1, 0))?;
    let flight = gateway.fly(&priced_chat("one", 10), Some(&held()))?;
    gateway.arrived(&flight)?;
    for hex in ["ff", "0300", "02"] {
        overwrite(&gateway, hex)?;
        let seen = gateway.ask(&priced_chat("one", 10), None)?;
        refused(seen, 503, "state_unavailable")?;
        gateway.serves(&chat("two", "plain"), &reporting(1, 1, 0))?;
    }
    // What is in flight ends as if nothing were; its cost stands in the log.
    flight.resume();
    gateway.land(flight)?;
    gateway.logs("the account key:acme/one/k can't be settled: its record can't be read")?;
    refused(
        gateway.ask(&priced_chat("one", 10), None)?,
        503,
        "state_unavailable",
    )?;
    let labels = [("reason", "state_unavailable")];
    let refusals = gateway.metrics()?.total("tollgate_refusals_total", &labels);
    ensure!(refusals == 4, "{refusals} refusals are counted");
    gateway.audit()
}

fn lost(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    gateway.serves(&priced_chat("one", 10), &reporting(100_000, 0, 0))?;
    let flight = gateway.fly(&priced_chat("one", 10), Some(&held()))?;
    gateway.arrived(&flight)?;
    overwrite(&gateway, EMPTY)?;
    let account = usage(&gateway, "one")?;
    ensure!(limit(&account, "usd")?["left"] == "1", "{account}");
    ensure!(
        account["counted_since"] == "1970-01-01T00:00:00Z",
        "{account}"
    );
    flight.resume();
    gateway.land(flight)?;
    // 7 tokens in, 3 out.
    wait_for("what was in flight is charged", || {
        let account = settled(&gateway, "one")?;
        let left = pico(&limit(&account, "usd")?["left"])?;
        Ok((left == 1_000_000_000_000 - 13_000_000).then_some(()))
    })?;
    gateway.audit()
}
