//! What a filter behind the module answers, or still holds when the client leaves, has reached no
//! upstream and is free: an endpoint picker's refusal, its queue. Envoy's fault filter stands in the
//! picker's place.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tollgate_host_tests::scenario::{Abort, Request};

use crate::Promise;
use crate::accounts::{limited, priced_chat, settled};
use crate::gateway::Gateway;
use crate::setup::Setup;

pub(crate) const PROMISES: &[Promise] = &[("picker/what-reaches-no-upstream-is-free", free)];

fn free(folder: &Path) -> Result<()> {
    let gateway = start(folder)?;
    let refused = gateway.ask(&to_picker("refuses"), None)?;
    ensure!(refused.client.status == Some(503), "not refused");
    let mut waiting = to_picker("holds");
    waiting.abort = Some(Abort::AfterMs(300));
    gateway.ask(&waiting, None)?;
    for outcome in ["upstream_error", "client_closed"] {
        let record = gateway.record("outcome", outcome)?;
        ensure!(
            record["charged"] == "free" && record["cost_usd"] == "0",
            "{record}"
        );
    }
    settled(&gateway, "one")?;
    gateway.audit()
}

fn to_picker(case: &str) -> Request {
    let mut request = priced_chat("one", 600);
    request.headers.push("x-picker", case);
    request
}

/// An Envoy with another filter between the module and the router.
fn start(folder: &Path) -> Result<Gateway> {
    let setup = Setup::new(folder)?;
    setup.configure(&limited(&[("one", "{budget: 1, per: ever}")]))?;
    let always = json!({"numerator": 100});
    let refuses = fault(
        "refuses",
        json!({"abort": {"http_status": 503, "percentage": always}}),
    );
    let holds = fault(
        "holds",
        json!({"delay": {"fixed_delay": "60s", "percentage": always}}),
    );
    setup.edit_filters(|filters| {
        let router = filters.pop();
        filters.extend([refuses, holds]);
        filters.extend(router);
    })?;
    setup.start()
}

fn fault(case: &str, mut what: Value) -> Value {
    what["@type"] = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault".into();
    what["headers"] = json!([{"name": "x-picker", "string_match": {"exact": case}}]);
    json!({"name": format!("picker-{case}"), "typed_config": what})
}
