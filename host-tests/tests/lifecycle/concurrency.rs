//! Limits on requests at a time, by two workers at once, with clients that hang up.

use std::path::Path;

use anyhow::{Result, ensure};
use tollgate_host_tests::scenario::Abort;

use crate::Promise;
use crate::accounts::{
    clients, limit, limited, priced_chat, reporting, settled, usage, with_status,
};
use crate::client::refused;
use crate::gateway::{Gateway, wait_for};
use crate::messages::{chat, held, leaving, streamed, streamed_chat};

pub(crate) const PROMISES: &[Promise] = &[
    ("concurrency/is-never-above-the-limit", never_above),
    ("concurrency/leaks-no-slot-when-clients-hang-up", hang_ups),
];

const LIMIT: usize = 4;

fn never_above(folder: &Path) -> Result<()> {
    let rules = limited(&[("one", "{concurrency: 4}")]);
    let gateway = Gateway::with_rules(folder, &rules)?;
    let seen = clients(&gateway, 30, |_, round| {
        let request = priced_chat("one", 10);
        (round < 20).then(|| (request, reporting(1, 1, 5)))
    })?;
    let most = gateway.setup.upstream.most_playing();
    let (served, refused) = (with_status(&seen, 200), with_status(&seen, 429));
    println!("concurrency: {served} served, at most {most} at a time, {refused} refused");
    ensure!(most == LIMIT, "{most} at a time");
    ensure!(
        served + refused == seen.len() && refused > 0,
        "{served} and {refused}"
    );
    settled(&gateway, "one")?;
    gateway.audit()
}

fn hang_ups(folder: &Path) -> Result<()> {
    let rules = limited(&[("one", "{concurrency: 4}")]);
    let gateway = Gateway::with_rules(folder, &rules)?;
    let seen = clients(&gateway, 30, |number, round| {
        let pair = match (number + round) % 3 {
            0 => {
                let stream = streamed_chat("one", "plain");
                (leaving(stream, Abort::AfterEvents(1)), streamed())
            }
            _ => (priced_chat("one", 10), reporting(1, 1, 5)),
        };
        (round < 20).then_some(pair)
    })?;
    let served = with_status(&seen, 200);
    println!("hang-ups: {served} of {} begun", seen.len());
    let account = settled(&gateway, "one")?;
    ensure!(
        limit(&account, "requests_in_flight")?["left"] == LIMIT,
        "{account}"
    );

    // Exactly so many fit again.
    let flights = (0..LIMIT).map(|_| gateway.fly(&chat("one", "plain"), Some(&held())));
    let flights: Vec<_> = flights.collect::<Result<_>>()?;
    for flight in &flights {
        gateway.arrived(flight)?;
    }
    let beyond = gateway.ask(&chat("one", "plain"), None)?;
    refused(beyond, 429, "rate_limit_exceeded")?;
    ensure!(
        usage(&gateway, "one")?["in_flight"] == LIMIT,
        "not all are in flight"
    );
    for flight in flights {
        flight.resume();
        gateway.land(flight)?;
    }
    wait_for("all slots are free", || {
        Ok((usage(&gateway, "one")?["in_flight"] == 0).then_some(()))
    })?;
    gateway.audit()
}
