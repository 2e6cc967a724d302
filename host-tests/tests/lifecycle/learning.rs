//! What is usual for a model: one worker learns it, all reserve by it.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::Promise;
use crate::accounts::{limited, pico, reporting};
use crate::gateway::{Gateway, wait_for};
use crate::messages::chat_with;

pub(crate) const PROMISES: &[Promise] = &[("learning/of-one-worker-serves-all", shared)];

fn shared(folder: &Path) -> Result<()> {
    let gateway = Gateway::with_rules(folder, &limited(&[("one", "{budget: 1, per: ever}")]))?;
    let request = chat_with("one", json!({"model": "priced", "messages": []}));
    // All on one connection, so by one worker.
    let mut client = gateway.client()?;
    for _ in 0..20 {
        client.ask(&request, Some(&reporting(10, 10, 0)))?;
    }
    // Each on a connection of its own: both workers serve some.
    let mut in_a_row = 0;
    wait_for("all workers reserve what is usual", || {
        let before = gateway.records()?.len();
        gateway.serves(&request, &reporting(10, 10, 0))?;
        let records = wait_for("its record", || {
            let records = gateway.records()?;
            Ok((records.len() > before).then_some(records))
        })?;
        let reserved = records.last().map(|record| pico(&record["reserved_usd"]));
        // 1,024 output tokens until something is known, and 256 from then on, the least that is
        // believed; at two dollars for a million.
        let is_learned = reserved.transpose()?.is_some_and(|r| r < 1_000_000_000);
        in_a_row = if is_learned { in_a_row + 1 } else { 0 };
        Ok((in_a_row == 20).then_some(()))
    })?;
    gateway.audit()
}
