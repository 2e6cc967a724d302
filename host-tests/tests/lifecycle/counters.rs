//! Counters outlive what counts: rules and code are exchanged under load, and every request counts
//! once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};

use crate::Promise;
use crate::accounts::{
    clients, limit, limited, pico, priced_chat, reporting, settled, with_status,
};
use crate::gateway::{Gateway, wait_for};

pub(crate) const PROMISES: &[Promise] =
    &[("counters/survive-new-rules-and-new-code-under-load", edits)];

const CLIENTS: usize = 12;
const EDITS: usize = 20;

/// Limits that are never reached; each edit changes all amounts.
fn rules(edit: usize) -> String {
    let limits = format!(
        "{{requests: {}, per: day}}, {{budget: {}, per: ever}}, {{concurrency: {}}}",
        100_000 + edit,
        1_000 + edit,
        100 + edit
    );
    limited(&[("one", &limits)])
}

fn edits(folder: &Path) -> Result<()> {
    let gateway = Gateway::with_rules(folder, &rules(0))?;
    let is_edited = Arc::new(AtomicBool::new(false));
    let goes_on = Arc::clone(&is_edited);
    let seen = std::thread::scope(|scope| -> Result<_> {
        let editor = scope.spawn(|| {
            let edited = edit_all(&gateway);
            is_edited.store(true, Ordering::Relaxed);
            edited
        });
        let seen = clients(&gateway, CLIENTS, move |_, _| {
            let request = priced_chat("one", 10);
            let is_over = goes_on.load(Ordering::Relaxed);
            (!is_over).then(|| (request, reporting(1000, 0, 2)))
        });
        editor.join().ok().context("the editor panicked")??;
        seen
    })?;
    let all = seen.len();
    ensure!(
        all > 100 * EDITS,
        "{all} requests are too few to show anything"
    );
    ensure!(with_status(&seen, 200) == all, "not all {all} were served");
    let account = settled(&gateway, "one")?;
    let requests = &limit(&account, "requests")?["left"];
    ensure!(
        *requests == 100_000 + EDITS - all,
        "{requests} requests left after {all}"
    );
    let money = &limit(&account, "usd")?["left"];
    let expected = (1_000 + EDITS as u128) * 1_000_000_000_000 - all as u128 * 1_000_000_000;
    ensure!(pico(money)? == expected, "{money} USD left after {all}");
    gateway.audit()
}

/// Every second edit brings other code as well.
fn edit_all(gateway: &Gateway) -> Result<()> {
    let modules = gateway.setup.programs.modules();
    for edit in 1..=EDITS {
        gateway.edit(&rules(edit))?;
        if edit % 2 == 1 {
            let code = modules.join("tollgate_trap.wasm");
            let mut module = gateway.setup.read("module.json")?;
            let at = "/resources/0/typed_config/config/vm_config/code/local/filename";
            let file = module.pointer_mut(at).context("no code in module.json")?;
            *file = code.display().to_string().into();
            gateway.setup.swap("module.json", &module.to_string())?;
        }
        let version = gateway.setup.version()?;
        wait_for("the edit is in force", || {
            Ok((gateway.policy()? == version).then_some(()))
        })?;
    }
    Ok(())
}
