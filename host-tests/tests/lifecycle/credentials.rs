//! Upstream secrets: rotated by a rename, refused where they are missing, seen nowhere but at
//! their upstream.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::Promise;
use crate::client::{refused, served, shown};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{answered, chat};
use crate::rules::rules;
use crate::setup::{Setup, swap};

pub(crate) const PROMISES: &[Promise] = &[
    ("credentials/are-rotated-by-a-rename", rotated),
    (
        "credentials/that-are-missing-refuse-until-they-appear",
        missing,
    ),
    (
        "credentials/that-are-missing-refuse-until-envoy-config-runs-again",
        missing_then_configured,
    ),
    ("credentials/go-each-to-its-own-target", apart),
];

const MODELS: &str =
    "  east: {price: free, targets: {only: {upstreams: [east], credential: eastern}}}
  west: {price: free, targets: {only: {upstreams: [west], credential: western}}}
";

fn setup(folder: &Path) -> Result<(Setup, [PathBuf; 2])> {
    let files = ["eastern", "western"].map(|name| folder.join(format!("{name}.secret")));
    let argument = |name: &str, file: &Path| {
        let mut argument = OsString::from(format!("{name}="));
        argument.push(file);
        argument
    };
    let setup = Setup::new(folder)?
        .argument("--credential", argument("eastern", &files[0]))
        .argument("--credential", argument("western", &files[1]));
    setup.configure(&rules(MODELS, &["one"]))?;
    Ok((setup, files))
}

fn rotated(folder: &Path) -> Result<()> {
    let (setup, [eastern, western]) = setup(folder)?;
    fs::write(&eastern, "upstream-secret-1")?;
    fs::write(&western, "upstream-secret-west")?;
    let gateway = setup.start()?;
    ensure!(sent(&gateway, "east")? == "Bearer upstream-secret-1");
    for number in 2..=4 {
        let before = format!("Bearer upstream-secret-{}", number - 1);
        let secret = format!("upstream-secret-{number}");
        swap(&eastern, &secret)?;
        wait_for("the new secret at the upstream", || {
            match sent(&gateway, "east")? {
                sent if sent == format!("Bearer {secret}") => Ok(Some(())),
                sent if sent == before => Ok(None),
                sent => bail!("sent {sent:?}"),
            }
        })?;
    }
    ensure!(sent(&gateway, "west")? == "Bearer upstream-secret-west");
    gateway.audit()
}

fn missing(folder: &Path) -> Result<()> {
    let (gateway, eastern) = without_a_secret(folder)?;
    swap(&eastern, "upstream-secret-late")?;
    appears(&gateway)
}

fn missing_then_configured(folder: &Path) -> Result<()> {
    let (gateway, eastern) = without_a_secret(folder)?;
    swap(&eastern, "upstream-secret-late")?;
    gateway.edit(&rules(MODELS, &["one", "two"]))?;
    appears(&gateway)
}

fn without_a_secret(folder: &Path) -> Result<(Gateway, PathBuf)> {
    let (setup, [eastern, western]) = setup(folder)?;
    fs::write(western, "upstream-secret-west")?;
    let gateway = setup.start()?;
    for _ in 0..4 {
        let seen = gateway.ask(&chat("one", "east"), None)?;
        refused(seen, 503, "upstream_credential_missing")?;
    }
    ensure!(sent(&gateway, "west")? == "Bearer upstream-secret-west");
    Ok((gateway, eastern))
}

/// Before it, the same refusal; after it, the secret.
fn appears(gateway: &Gateway) -> Result<()> {
    wait_for("the secret that appeared is used", || {
        let seen = gateway.ask(&chat("one", "east"), Some(&answered()))?;
        match seen.client.status {
            Some(200) => Ok(Some(())),
            Some(503) if seen.upstream.is_empty() => Ok(None),
            _ => bail!("{}", shown(&seen)),
        }
    })?;
    ensure!(sent(gateway, "east")? == "Bearer upstream-secret-late");
    gateway.audit()
}

fn apart(folder: &Path) -> Result<()> {
    let (setup, [eastern, western]) = setup(folder)?;
    fs::write(eastern, "upstream-secret-east\n")?;
    fs::write(western, "upstream-secret-west")?;
    let gateway = setup.start()?;
    for _ in 0..4 {
        for side in ["east", "west"] {
            ensure!(sent(&gateway, side)? == format!("Bearer upstream-secret-{side}"));
        }
    }
    gateway.audit()
}

/// What a model's upstream, which has its name, gets as `authorization`.
fn sent(gateway: &Gateway, model: &str) -> Result<String> {
    let seen = served(gateway.ask(&chat("one", model), Some(&answered()))?)?;
    let request = &seen.upstream[0];
    ensure!(request.at == model, "{model} is served at {}", request.at);
    let sent = request.headers.value("authorization");
    Ok(String::from_utf8(sent.context("no authorization")?)?)
}
