//! With Envoy's decompressor in front of the module, compressed requests are served, and what they
//! unpack to is bounded as any other body.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use tollgate_host_tests::scenario::Request;

use crate::Promise;
use crate::client::{refused, shown};
use crate::gateway::Gateway;
use crate::messages::{answered, chat, request};
use crate::rules::{PLAIN, rules, secret};
use crate::setup::Setup;

pub(crate) const PROMISES: &[Promise] = &[
    ("decompressor/in-front-serves-compressed-requests", serves),
    ("decompressor/in-front-lets-no-bomb-through", bomb),
];

/// Larger than a body may be.
const BOMB: usize = 40 << 20;

fn serves(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    let text: String = (0..9000).map(|number| format!("é{number} ")).collect();
    let body = json!({"model": "plain", "messages": [{"role": "user", "content": text}]});
    let body = body.to_string();
    let seen = gateway.serves(&compressed(body.as_bytes())?, &answered())?;
    let upstream = seen.upstream.first().context("nothing at the upstream")?;
    ensure!(upstream.body == body.as_bytes(), "another body");
    let sent = |name: &str| upstream.headers.value(name);
    ensure!(sent("content-encoding").is_none(), "said to be compressed");
    gateway.serves(&chat("one", "plain"), &answered())?;
    gateway.audit()
}

fn bomb(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    for body in [vec![b' '; BOMB], noise()] {
        let seen = gateway.ask(&compressed(&body)?, None)?;
        let told = matches!(seen.client.status, Some(400 | 413));
        ensure!(told && seen.upstream.is_empty(), "saw {}", shown(&seen));
    }
    // What can't be unpacked is dropped.
    let broken = Request {
        body: chat("one", "plain").body,
        ..compressed(b"")?
    };
    refused(gateway.ask(&broken, None)?, 400, "missing_body")?;
    gateway.serves(&chat("one", "plain"), &answered())?;
    gateway.audit()
}

/// What gzip makes about forty times smaller, which is no bomb to Envoy's own guard.
fn noise() -> Vec<u8> {
    let mut state: u32 = 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let text: Vec<u8> = (0..BOMB / 64).map(|_| next()).collect();
    text.iter().flat_map(|&byte| [byte; 64]).collect()
}

/// An Envoy whose first filter is the decompressor, as the operators' guide has it.
fn start(folder: &Path) -> Result<Gateway> {
    let setup = Setup::new(folder)?;
    setup.configure(&rules(PLAIN, &["one"]))?;
    setup.edit_filters(|filters| filters.insert(0, decompressor()))?;
    setup.start()
}

fn decompressor() -> Value {
    json!({
        "name": "envoy.filters.http.decompressor",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.decompressor.v3.Decompressor",
            "decompressor_library": {
                "name": "gzip",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.compression.gzip.decompressor.v3.Gzip",
                },
            },
            "request_direction_config": {},
            "response_direction_config": {
                "common_config": {"enabled": {"default_value": false, "runtime_key": "decompress.answers"}},
            },
        },
    })
}

fn compressed(body: &[u8]) -> Result<Request> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(body)?;
    Ok(request(json!({
        "path": "/v1/chat/completions",
        "headers": {
            "authorization": format!("Bearer {}", secret("one")),
            "content-type": "application/json",
            "content-encoding": "gzip",
        },
        "body": {"base64": BASE64_STANDARD.encode(gzip.finish()?)},
    })))
}
