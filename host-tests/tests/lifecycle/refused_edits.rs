//! Edits that are refused, by `tollgate`, Envoy or the module: what runs goes on, and the log says
//! why.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::Promise;
use crate::client::{refused, served};
use crate::edits::not_drained;
use crate::messages::{answered, chat};
use crate::rules::{PLAIN, rules};
use crate::setup::Setup;

pub(crate) const PROMISES: &[Promise] = &[("edits/that-are-bad-replace-nothing", bad)];

fn bad(folder: &Path) -> Result<()> {
    let setup = Setup::new(folder)?;
    setup.configure(&rules(PLAIN, &["one"]))?;
    let good = setup.read("module.json")?;
    let gateway = setup.start()?;
    let running = gateway.policy()?;
    let mut client = gateway.client()?;
    for (name, contents, log) in bad_files(&good)? {
        gateway.setup.swap("module.json", &contents)?;
        gateway.logs(log).with_context(|| name)?;
        let seen = client.ask(&chat("one", "plain"), Some(&answered()));
        served(seen?).with_context(|| name)?;
        ensure!(gateway.policy()? == running, "{name} replaced the policy");
    }
    // What can't be compiled is not even written.
    let before = gateway.setup.read("module.json")?;
    let error = gateway.edit(&rules("  plain: {price: free, targets: {}}\n", &["one"]));
    ensure!(error.is_err(), "a model without targets was taken");
    ensure!(
        gateway.setup.read("module.json")? == before,
        "it was written"
    );

    gateway.edit_and_wait(&rules(PLAIN, &["two"]))?;
    served(client.ask(&chat("two", "plain"), Some(&answered()))?)?;
    refused(
        client.ask(&chat("one", "plain"), None)?,
        401,
        "invalid_api_key",
    )?;
    not_drained(&gateway)
}

/// Discovery files that must be refused: what is wrong, the contents, what Envoy's log says.
fn bad_files(good: &Value) -> Result<Vec<(&'static str, String, &'static str)>> {
    let text = good.to_string();
    let half = text.get(..text.len() / 2).context("half a file")?;
    let edited = |change: &dyn Fn(&mut Value)| {
        let mut document = document(good)?;
        change(&mut document);
        with_document(good, &document.to_string())
    };
    let whole = document(good)?.to_string();
    let half_document = whole.get(..whole.len() / 2).context("half a document")?;
    let mut unknown_to_envoy = good.clone();
    unknown_to_envoy["resources"][0]["surprise"] = json!(1);
    Ok(vec![
        ("a truncated file", half.to_owned(), "Unable to parse JSON"),
        (
            "a field that Envoy does not know",
            unknown_to_envoy.to_string(),
            "surprise",
        ),
        (
            "a truncated document",
            with_document(good, half_document)?,
            "the policy is refused: ",
        ),
        (
            "a format of tomorrow",
            edited(&|d| d["format"] = json!(99))?,
            "99",
        ),
        (
            "an unknown field",
            edited(&|d| d["mystery"] = json!(1))?,
            "mystery",
        ),
        (
            "a dangling model",
            edited(&|d| d["keys"][0]["models"] = json!(["phantom"]))?,
            "phantom",
        ),
        (
            "a dangling team",
            edited(&|d| d["keys"][0]["team"] = json!("acme/ghosts"))?,
            "ghosts",
        ),
    ])
}

const DOCUMENT: &str = "/resources/0/typed_config/config/configuration/value";

fn document(module: &Value) -> Result<Value> {
    let text = module.pointer(DOCUMENT).and_then(Value::as_str);
    Ok(serde_json::from_str(
        text.context("no document in module.json")?,
    )?)
}

fn with_document(module: &Value, document: &str) -> Result<String> {
    let mut module = module.clone();
    *module
        .pointer_mut(DOCUMENT)
        .context("no document in module.json")? = document.into();
    Ok(module.to_string())
}
