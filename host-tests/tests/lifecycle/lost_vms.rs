//! A VM that ends without a word: what it held is spent, its requests in flight are over, and both
//! are told once. One that was only silent settles all the same, exactly.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Promise;
use crate::accounts::{limit, limited, pico, priced_chat, reporting, settled, usage};
use crate::client::{refused, served, shown};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{chat, held};
use crate::setup::Setup;
use crate::traps::{OTHER, TRAPPED, ask_on, connection_on, trapping};

pub(crate) const PROMISES: &[Promise] = &[
    ("lost-vms/leave-nothing-held", trapped),
    ("lost-vms/that-come-back-settle-exactly", blocked),
    ("lost-vms/are-none-after-a-thousand-reloads", reloads),
];

const BUDGET: u128 = 1_000_000_000_000;

fn start(folder: &Path) -> Result<Gateway> {
    let setup = Setup::new(folder)?.module("tollgate_trap.wasm")?;
    let limits = "{concurrency: 1}, {budget: 1, per: ever}";
    setup.configure(&limited(&[("one", limits), ("two", "{concurrency: 9}")]))?;
    setup.start()
}

fn trapped(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    let flight = connection_on(&gateway, TRAPPED)?;
    let flight = gateway.fly_on(flight, &priced_chat("one", 100), Some(&held()))?;
    gateway.arrived(&flight)?;
    let reserved = pico(&limit(&usage(&gateway, "one")?, "usd")?["held"])?;
    ensure!(reserved > 0, "nothing is held");

    let mut connection = connection_on(&gateway, TRAPPED)?;
    let trap = trapping("two", "request_headers", "/v1/chat/completions");
    ask_on(&gateway, &mut connection, &trap)?;
    flight.resume();
    let seen = gateway.land(flight)?;
    ensure!(seen.client.status == Some(503), "{}", shown(&seen));

    let mut other = connection_on(&gateway, OTHER)?;
    refused(
        ask_on(&gateway, &mut other, &chat("one", "plain"))?,
        429,
        "rate_limit_exceeded",
    )?;
    wait_for("the slot of the trapped VM is free", || {
        let seen = ask_on(&gateway, &mut other, &chat("one", "plain"))?;
        Ok((seen.client.status == Some(200)).then_some(()))
    })?;
    let account = settled(&gateway, "one")?;
    let money = limit(&account, "usd")?;
    ensure!(pico(&money["left"])? == BUDGET - reserved, "{money}");
    ensure!(pico(&money["held"])? == 0, "{money}");

    // One line for the account, and the request's own line has its reservation.
    let log = fs::read_to_string(gateway.envoy.log())?;
    let lost = log.lines().filter(|line| line.contains("vm-lost")).count();
    ensure!(lost == 1, "{lost} lines say vm-lost");
    let record = gateway.record("details", "wasm_fail_stream")?;
    let of_flight = gateway
        .records()?
        .into_iter()
        .find(|record| record["status"] == 503 && record["model"] == "priced");
    ensure!(
        of_flight.is_some_and(|record| record["record_id"].is_string()
            && pico(&record["reserved_usd"]).is_ok_and(|usd| usd == reserved)),
        "no record of the reservation: {record}"
    );
    Ok(())
}

fn blocked(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    let flight = connection_on(&gateway, TRAPPED)?;
    let flight = gateway.fly_on(flight, &priced_chat("one", 100), Some(&held()))?;
    gateway.arrived(&flight)?;
    let blocking = connection_on(&gateway, TRAPPED)?;
    let mut other = connection_on(&gateway, OTHER)?;
    let block = trapping("two", "block", "/v1/chat/completions");
    let blocking = gateway.fly_on(blocking, &block, Some(&reporting(1, 1, 0)))?;
    wait_for("the silent VM's slot is free", || {
        let seen = ask_on(&gateway, &mut other, &chat("one", "plain"))?;
        Ok((seen.client.status == Some(200)).then_some(()))
    })?;
    served(gateway.land(blocking)?)?;
    flight.resume();
    served(gateway.land(flight)?)?;
    // 7 tokens in, 3 out.
    wait_for("what was really used is settled", || {
        let account = usage(&gateway, "one")?;
        let money = limit(&account, "usd")?;
        Ok((pico(&money["left"])? == BUDGET - 13_000_000).then_some(()))
    })?;
    let account = settled(&gateway, "one")?;
    ensure!(
        limit(&account, "requests_in_flight")?["left"] == 1,
        "{account}"
    );
    served(ask_on(&gateway, &mut other, &chat("one", "plain"))?)?;
    Ok(())
}

fn reloads(folder: &Path) -> Result<()> {
    const RELOADS: u64 = 1000;
    let gateway = start(folder)?;
    let flight = gateway.fly(&priced_chat("one", 100), Some(&held()))?;
    gateway.arrived(&flight)?;
    let joined = || -> Result<usize> {
        let log = fs::read_to_string(gateway.envoy.log())?;
        Ok(log.matches("this VM is ").count())
    };
    let all = crate::setup::WORKERS + 1;
    wait_for("every VM has its place", || {
        Ok((joined()? == all).then_some(()))
    })?;

    let module = gateway.setup.read("module.json")?;
    let name = "extension_config_discovery.http_filter.tollgate.config_reload";
    let before = gateway.stat(name)?;
    let at = "/resources/0/typed_config/config/configuration/value";
    let text = module.pointer(at).and_then(Value::as_str);
    let text = text.context("module.json has no configuration")?;
    for number in 0..RELOADS {
        let mut edited = module.clone();
        edited["version_info"] = format!("reload {number}").into();
        if let Some(value) = edited.pointer_mut(at) {
            // Another text that means the same.
            *value = format!("{text}{}", " ".repeat(1 + number as usize % 2)).into();
        }
        gateway.setup.swap("module.json", &edited.to_string())?;
        wait_for("the reload", || {
            Ok((gateway.stat(name)? > before + number).then_some(()))
        })?;
    }
    std::thread::sleep(std::time::Duration::from_secs(4));
    ensure!(
        joined()? == all,
        "{} places after {RELOADS} reloads",
        joined()?
    );
    let log = fs::read_to_string(gateway.envoy.log())?;
    ensure!(!log.contains("vm-lost"), "a reload counts as a lost VM");
    ensure!(
        usage(&gateway, "one")?["in_flight"] == 1,
        "the hold is gone"
    );
    flight.resume();
    served(gateway.land(flight)?)?;
    settled(&gateway, "one")?;
    gateway.audit()
}
