//! Budgets under load, by two workers at once: what is served never costs more than the bound that
//! is promised, and nothing that is free stays unused.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;
use tollgate_host_tests::scenario::Abort;
use tollgate_host_tests::stage::Seen;

use crate::Promise;
use crate::accounts::{
    clients, limit, limited, pico, priced_chat, reporting, settled, usage, with_status,
};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{held, leaving};

pub(crate) const PROMISES: &[Promise] = &[
    ("budgets/worst-case-is-never-overspent", worst_case),
    (
        "budgets/expected-is-overspent-by-what-is-in-flight",
        expected,
    ),
    ("budgets/of-fresh-accounts-lose-nothing", first_touch),
    (
        "budgets/keep-the-prices-that-a-request-began-with",
        new_prices,
    ),
    (
        "budgets/are-charged-for-what-clients-do-not-wait-for",
        hang_ups,
    ),
];

const CLIENTS: usize = 40;
const ROUNDS: usize = 12;

/// What the access log says of every request that was served.
struct Served {
    cost: u128,
    reserved: u128,
}

fn served(gateway: &Gateway) -> Result<Vec<Served>> {
    let mut served = Vec::new();
    for record in gateway.records()? {
        if record["status"] == 200 && record["cost_usd"].is_string() {
            served.push(Served {
                cost: pico(&record["cost_usd"])?,
                reserved: pico(&record["reserved_usd"])?,
            });
        }
    }
    Ok(served)
}

/// Every line of these is in the access log.
fn wait_for_records(gateway: &Gateway, count: usize) -> Result<()> {
    wait_for("all records are written", || {
        let records = gateway.records()?;
        let chats = records
            .iter()
            .filter(|record| record["api"] == "chat_completions");
        Ok((chats.count() == count).then_some(()))
    })
}

fn worst_case(folder: &Path) -> Result<()> {
    let rules = limited(&[("one", "{budget: 0.02, per: ever, admit: worst-case}")]);
    let gateway = Gateway::with_rules(folder, &rules)?;
    // At worst 0.0003 for each, really from nothing to all of it.
    let seen = clients(&gateway, CLIENTS, |number, round| {
        let prompt = 10 * (number as u64 % 4);
        let completion = (number as u64 * 7 + round as u64 * 13) % 101;
        let request = priced_chat("one", 100);
        (round < ROUNDS).then(|| (request, reporting(prompt, completion, 3)))
    })?;
    wait_for_records(&gateway, seen.len())?;
    let budget = 20_000_000_000;
    let served = served(&gateway)?;
    let cost: u128 = served.iter().map(|served| served.cost).sum();
    let refused = refused(&seen);
    let count = served.len();
    println!("worst-case: {count} served for {cost} of {budget} pico-dollars, {refused} refused");
    ensure!(cost <= budget, "{cost} were spent of {budget}");
    ensure!(
        count + refused == seen.len() && refused > 0,
        "{count} and {refused}"
    );
    let account = settled(&gateway, "one")?;
    let money = limit(&account, "usd")?;
    let left = pico(&money["left"])?;
    ensure!(left == budget - cost, "{left} left after {cost}");
    ensure!(pico(&money["held"])? == 0, "{money}");
    used_up(&gateway)?;
    gateway.audit()
}

/// For good, or because of what others hold.
fn refused(seen: &[Seen]) -> usize {
    with_status(seen, 403) + with_status(seen, 429)
}

/// What has come back serves others, down to less than one of them needs at worst.
fn used_up(gateway: &Gateway) -> Result<()> {
    let request = priced_chat("one", 100);
    let refusal = wait_for("the budget is used up", || {
        let seen = gateway.ask(&request, Some(&reporting(0, 100, 0)))?;
        let is_refused = seen.client.status == Some(403);
        Ok(is_refused.then_some(seen.client.body))
    })?;
    let refusal: Value = serde_json::from_slice(&refusal)?;
    let limit = &refusal["error"]["limit"];
    let (left, requested) = (pico(&limit["left"])?, pico(&limit["requested"])?);
    ensure!(left < requested, "refused with {left} left for {requested}");
    Ok(())
}

fn expected(folder: &Path) -> Result<()> {
    let rules = limited(&[("one", "{budget: 0.02, per: ever}")]);
    let gateway = Gateway::with_rules(folder, &rules)?;
    // The upstream does not keep to the maximum.
    let seen = clients(&gateway, CLIENTS, |number, round| {
        let completion = 50 + (number as u64 * 7 + round as u64 * 13) % 200;
        let request = priced_chat("one", 100);
        (round < ROUNDS).then(|| (request, reporting(30, completion, 3)))
    })?;
    wait_for_records(&gateway, seen.len())?;
    let budget = 20_000_000_000_u128;
    let served = served(&gateway)?;
    let cost: u128 = served.iter().map(|served| served.cost).sum();
    let overruns = served.iter().map(|s| s.cost.saturating_sub(s.reserved));
    let mut overruns: Vec<u128> = overruns.collect();
    overruns.sort_unstable();
    // No more than this many are in flight, whichever they are.
    let bound: u128 = overruns.iter().rev().take(CLIENTS).sum();
    let over = cost.saturating_sub(budget);
    let count = served.len();
    println!("expected: {count} served, overspent by {over} of at most {bound} pico-dollars");
    ensure!(over <= bound, "overspent by {over}, more than {bound}");
    ensure!(over > 0, "nothing was overspent, so nothing is shown");
    ensure!(refused(&seen) > 0, "nothing was refused");
    let account = settled(&gateway, "one")?;
    ensure!(limit(&account, "usd")?["left"] == "0", "{account}");
    gateway.audit()
}

/// Two workers may find at the same moment that an account has no record yet.
fn first_touch(folder: &Path) -> Result<()> {
    const ACCOUNTS: usize = 60;
    let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("a{n}")).collect();
    let accounts: Vec<_> = names
        .iter()
        .map(|n| (&**n, "{budget: 1, per: ever}"))
        .collect();
    let gateway = Gateway::with_rules(folder, &limited(&accounts))?;
    // All clients ask with the same key in the same round.
    let seen = clients(&gateway, 8, |_, round| {
        let request = priced_chat(&format!("a{round}"), 10);
        (round < ACCOUNTS).then(|| (request, reporting(1000, 0, 0)))
    })?;
    ensure!(
        with_status(&seen, 200) == 8 * ACCOUNTS,
        "not all were served"
    );
    for name in &names {
        settled(&gateway, name)?;
        let account = usage(&gateway, name)?;
        let left = &limit(&account, "usd")?["left"];
        ensure!(
            left == "0.992",
            "{name}: {left} left after 8 requests for 0.001"
        );
    }
    gateway.audit()
}

/// Rules are edited in the middle of a request: it is settled by the prices that it was reserved by.
fn new_prices(folder: &Path) -> Result<()> {
    let before = limited(&[("one", "{budget: 1, per: ever}")]);
    let gateway = Gateway::with_rules(folder, &before)?;
    let flight = gateway.fly(&priced_chat("one", 100), Some(&held()))?;
    gateway.arrived(&flight)?;
    let after = before.replace("input: 1, output: 2", "input: 100, output: 200");
    let after = after.replace("version: test", "version: dear");
    gateway.edit_and_wait(&after)?;
    flight.resume();
    gateway.land(flight)?;
    let record = gateway.record("price_version", "test")?;
    // 7 tokens in, 3 out.
    ensure!(record["cost_usd"] == "0.000013", "{record}");
    let account = settled(&gateway, "one")?;
    let left = pico(&limit(&account, "usd")?["left"])?;
    ensure!(left == 1_000_000_000_000 - 13_000_000, "{left} left");
    gateway.serves(&priced_chat("one", 100), &reporting(7, 3, 0))?;
    let record = gateway.record("price_version", "dear")?;
    ensure!(record["cost_usd"] == "0.0013", "{record}");
    gateway.audit()
}

/// A client that leaves just before the answer comes has made the model work for all of it.
fn hang_ups(folder: &Path) -> Result<()> {
    const ANSWERED_AFTER_MS: u64 = 400;
    let accounts = [
        ("whole", "{budget: 1000, per: ever}"),
        ("left", "{budget: 1000, per: ever}"),
    ];
    let gateway = Gateway::with_rules(folder, &limited(&accounts))?;
    let answer = || reporting(10, 100, ANSWERED_AFTER_MS);
    let whole = clients(&gateway, 100, move |_, round| {
        (round < 4).then(|| (priced_chat("whole", 300), answer()))
    })?;
    let left = clients(&gateway, 100, move |_, round| {
        let request = priced_chat("left", 300);
        let early = Abort::AfterMs(ANSWERED_AFTER_MS - 25);
        (round < 10).then(|| (leaving(request, early), answer()))
    })?;
    ensure!(
        with_status(&whole, 200) == whole.len(),
        "not all were served"
    );
    let spent = |name: &str| -> Result<u128> {
        settled(&gateway, name)?;
        let account = usage(&gateway, name)?;
        Ok(1_000_000_000_000_000 - pico(&limit(&account, "usd")?["left"])?)
    };
    let each_whole = spent("whole")? / whole.len() as u128;
    let each_left = spent("left")? / left.len() as u128;
    println!("hang-ups: {each_left} pico-dollars each, of {each_whole} for a whole answer");
    ensure!(
        each_left * 100 >= each_whole * 80,
        "{each_left} of {each_whole}"
    );
    Ok(())
}
