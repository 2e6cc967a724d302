//! Envoys that start without a policy that can be read: they never turn ready and never serve.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tollgate_host_tests::envoy::{Envoy, get};

use crate::Promise;
use crate::gateway::Gateway;
use crate::messages::{answered, chat};
use crate::rules::{PLAIN, rules};
use crate::setup::{Setup, WORKERS};

pub(crate) const PROMISES: &[Promise] = &[
    ("start/without-a-discovery-file", |folder| {
        never_serves(folder, |file| Ok(fs::remove_file(file)?))
    }),
    ("start/with-an-empty-discovery-file", |folder| {
        never_serves(folder, |file| Ok(fs::write(file, "")?))
    }),
    ("start/with-a-truncated-discovery-file", |folder| {
        never_serves(folder, |file| {
            let whole = fs::read_to_string(file)?;
            Ok(fs::write(file, &whole[..whole.len() / 2])?)
        })
    }),
    ("start/without-the-module", |folder| {
        never_serves(folder, |file| {
            let at = "/resources/0/typed_config/config/vm_config/code/local/filename";
            change(file, at, json!("/nowhere/tollgate_gateway.wasm"))
        })
    }),
    ("start/with-a-policy-that-the-module-refuses", |folder| {
        never_serves(folder, |file| {
            let at = "/resources/0/typed_config/config/configuration/value";
            change(file, at, json!(r#"{"format":99}"#))
        })
    }),
];

/// How often it is asked.
const ASKED: usize = 10;

fn never_serves(folder: &Path, spoil: fn(&Path) -> Result<()>) -> Result<()> {
    let rules = rules(PLAIN, &["one"]);
    let setup = Setup::new(folder)?;
    setup.configure(&rules)?;
    spoil(&setup.envoy_folder().join("module.json"))?;
    let mut envoy = Envoy::launch(&setup.programs, setup.envoy_folder(), WORKERS)?;
    if let Err(error) = envoy.wait_until_listening() {
        // An Envoy that gave up serves nobody.
        ensure!(envoy.has_ended()?, "neither listening nor ended: {error:#}");
        return Ok(());
    }
    let gateway = Gateway { envoy, setup };
    for _ in 0..ASKED {
        let ready = get(gateway.envoy.listener, "/readyz")?;
        ensure!(ready.status == 503, "/readyz answers {}", ready.status);
        let seen = gateway.ask(&chat("one", "plain"), Some(&answered()))?;
        let refused = seen.client.status == Some(503) && seen.upstream.is_empty();
        ensure!(refused, "{}", crate::client::shown(&seen));
    }
    // The one way out: a policy that can be read.
    gateway.edit_from_nothing(&rules)?;
    gateway.serves(&chat("one", "plain"), &answered())?;
    Ok(())
}

fn change(file: &Path, at: &str, value: Value) -> Result<()> {
    let mut module: Value = serde_json::from_slice(&fs::read(file)?)?;
    *module.pointer_mut(at).with_context(|| at.to_owned())? = value;
    Ok(fs::write(file, module.to_string())?)
}
