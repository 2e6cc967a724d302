//! The single-concern modules, each by itself: it does what it says and leaves the rest alone.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tollgate_host_tests::stage::Seen;

use crate::Promise;
use crate::client::{refused, served, shown};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{
    COMPLETION_TOKENS, PROMPT_TOKENS, USAGE_EVENT, answered, chat, request, stream_at_once,
    streamed_chat,
};
use crate::rules::{rules, secret};
use crate::setup::Setup;

pub(crate) const PROMISES: &[Promise] = &[
    ("modules/key-auth-alone", key_auth),
    ("modules/model-router-alone", model_router),
    ("modules/token-meter-alone", token_meter),
];

/// A model that is served elsewhere than the rest, under another name.
pub(crate) const ROUTED: &str = "  routed: {aliases: [alias], price: free, targets: {only: {model: served-name, upstreams: [west]}}}\n";

/// A hint, which no client may set.
const HINT: &str = "x-gateway-inference-fairness-id";

/// The modules in the order of their chain: what a filter is called, which file it is.
pub(crate) const CHAIN: [(&str, &str); 5] = [
    ("key-auth", "tollgate_key_auth.wasm"),
    ("model-router", "tollgate_model_router.wasm"),
    ("rate-limit", "tollgate_rate_limit.wasm"),
    ("budget", "tollgate_budget.wasm"),
    ("token-meter", "tollgate_token_meter.wasm"),
];

/// An Envoy with these modules in place of the gateway's.
pub(crate) fn start(folder: &Path, rules: &str, modules: &[(&str, &str)]) -> Result<Gateway> {
    let setup = Setup::new(folder)?;
    setup.configure(rules)?;
    let mut bootstrap = setup.read("bootstrap.json")?;
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = bootstrap.pointer_mut(manager).context("no manager")?;
    let filters = manager["http_filters"]
        .as_array_mut()
        .context("no filters")?;
    let gateway = filters.remove(0);
    for (at, (name, file)) in modules.iter().enumerate() {
        let mut filter = gateway.clone();
        filter["name"] = json!(name);
        let discovery = setup.envoy_folder().join(format!("{name}.json"));
        filter["config_discovery"]["config_source"]["path_config_source"]["path"] =
            json!(discovery);
        filters.insert(at, filter);
        let mut module = setup.read("module.json")?;
        let resource = &mut module["resources"][0];
        resource["name"] = json!(name);
        let path = setup.programs.modules().join(file);
        ensure!(
            path.is_file(),
            "{} is missing: `make test` builds it",
            path.display()
        );
        resource["typed_config"]["config"]["vm_config"]["code"]["local"]["filename"] = json!(path);
        setup.swap(&format!("{name}.json"), &module.to_string())?;
    }
    if !modules.iter().any(|(name, _)| *name == "model-router") {
        // Nobody names a cluster. The one for all comes by discovery, later than the listener.
        manager["route_config"]["validate_clusters"] = json!(false);
        let route = manager.pointer_mut("/route_config/virtual_hosts/0/routes/0/route");
        let route = route.context("no route")?;
        route["cluster_header"].take();
        route["cluster"] = json!("default");
    }
    setup.swap("bootstrap.json", &bootstrap.to_string())?;
    setup.start()
}

fn key_auth(folder: &Path) -> Result<()> {
    let models = format!("{}{ROUTED}", crate::rules::PLAIN);
    let gateway = start(folder, &rules(&models, &["one"]), &CHAIN[..1])?;
    let seen = ask(&gateway, &chat("one", "alias"))?;
    ensure!(
        header(&seen, "authorization").is_none(),
        "the key went upstream"
    );
    ensure!(body(&seen)?["model"] == "alias", "{}", body(&seen)?);
    ensure!(
        header(&seen, "accept-encoding").is_some(),
        "accept-encoding was removed"
    );
    ensure!(header(&seen, HINT).is_none(), "a client set a hint");

    refused(
        gateway.ask(&chat("nobody", "plain"), None)?,
        401,
        "invalid_api_key",
    )?;
    let keyless = request(json!({"path": "/v1/messages", "body": {"text": "{}"}}));
    let seen = gateway.ask(&keyless, None)?;
    let told: Value = serde_json::from_slice(&seen.client.body)?;
    ensure!(
        seen.client.status == Some(401) && told["error"]["type"] == "authentication_error",
        "{}",
        shown(&seen)
    );
    let models = json!({
        "path": "/v1/models",
        "headers": {"authorization": format!("Bearer {}", secret("one"))},
    });
    let seen = served(gateway.ask(&request(models), Some(&answered()))?)?;
    ensure!(
        header(&seen, "authorization").is_none(),
        "the key went upstream"
    );
    gateway.audit()
}

fn model_router(folder: &Path) -> Result<()> {
    let models = format!("{}{ROUTED}", crate::rules::PLAIN);
    let gateway = start(folder, &rules(&models, &["one"]), &CHAIN[1..2])?;
    let seen = ask(&gateway, &chat("one", "alias"))?;
    ensure!(seen.upstream[0].at == "west", "at {}", seen.upstream[0].at);
    ensure!(body(&seen)?["model"] == "served-name", "{}", body(&seen)?);
    let named = header(&seen, "x-gateway-model-name");
    ensure!(named.as_deref() == Some("served-name"), "named {named:?}");
    ensure!(
        header(&seen, "x-tollgate-cluster").is_none(),
        "the cluster's name went upstream"
    );
    ensure!(header(&seen, HINT).is_none(), "a client set a hint");
    // Credentials are another module's, or another proxy's.
    ensure!(
        header(&seen, "authorization").is_some(),
        "authorization was removed"
    );

    let seen = served(gateway.ask(&streamed_chat("one", "plain"), Some(&stream_at_once()))?)?;
    ensure!(body(&seen)?["stream_options"].is_null(), "{}", body(&seen)?);
    ensure!(
        seen.client.body == stream_at_once().bytes(),
        "{}",
        shown(&seen)
    );
    refused(
        gateway.ask(&chat("one", "absent"), None)?,
        404,
        "model_not_found",
    )?;
    Ok(())
}

fn token_meter(folder: &Path) -> Result<()> {
    let models = format!("{}{ROUTED}", crate::rules::PLAIN);
    let gateway = start(folder, &rules(&models, &["one"]), &CHAIN[4..])?;
    let seen = ask(&gateway, &chat("one", "alias"))?;
    ensure!(
        header(&seen, "accept-encoding").is_none(),
        "the answer may come compressed"
    );
    ensure!(
        header(&seen, "authorization").is_some(),
        "authorization was removed"
    );
    ensure!(body(&seen)?["model"] == "alias", "{}", body(&seen)?);

    let answer = stream_at_once();
    let seen = served(gateway.ask(&streamed_chat("one", "alias"), Some(&answer))?)?;
    ensure!(
        body(&seen)?["stream_options"]["include_usage"] == true,
        "{}",
        body(&seen)?
    );
    let sent = String::from_utf8(answer.bytes())?.replace(USAGE_EVENT, "");
    ensure!(seen.client.body == sent.into_bytes(), "{}", shown(&seen));

    for (kind, each) in [("prompt", PROMPT_TOKENS), ("completion", COMPLETION_TOKENS)] {
        let expected = 2 * each;
        wait_for(&format!("{expected} {kind} tokens"), || {
            let metrics = gateway.metrics()?;
            let seen = metrics.total("tollgate_tokens_total", &[("kind", kind)]);
            Ok((seen == expected).then_some(()))
        })?;
    }
    Ok(())
}

/// Sends what a client may not, beside what it may.
fn ask(gateway: &Gateway, asked: &tollgate_host_tests::scenario::Request) -> Result<Seen> {
    let mut asked = asked.clone();
    asked.headers.push("accept-encoding", "gzip");
    asked.headers.push(HINT, "others");
    served(gateway.ask(&asked, Some(&answered()))?)
}

fn header(seen: &Seen, name: &str) -> Option<String> {
    let value = seen.upstream[0].headers.value(name)?;
    Some(String::from_utf8_lossy(&value).into_owned())
}

fn body(seen: &Seen) -> Result<Value> {
    Ok(serde_json::from_slice(&seen.upstream[0].body)?)
}
