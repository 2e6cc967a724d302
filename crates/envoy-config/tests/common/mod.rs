//! A small policy and the options that go with it.

use std::collections::BTreeMap;
use tollgate_core::document::{Document, FORMAT, Model, Target};
use tollgate_envoy_config::{FrontDoor, Limits, Listeners, Options, Timeouts, Upstream};

/// Three targets: one upstream; two upstreams, one of them over TLS, with a credential; a name.
pub(crate) fn document() -> Document {
    let target = |name: &str, upstreams: &[&str], credential: Option<&str>| Target {
        name: name.into(),
        model: "served".into(),
        weight: 1,
        upstreams: upstreams
            .iter()
            .map(|upstream| (*upstream).into())
            .collect(),
        credential: credential.map(Into::into),
        cold_start: None,
    };
    Document {
        format: FORMAT,
        version: "0123456789abcdef".into(),
        models: vec![Model {
            name: "m".into(),
            targets: vec![
                target("canary", &["name"], None),
                target("pool", &["east", "cloud"], Some("pool-key")),
                target("stable", &["east"], None),
            ],
            ..Model::default()
        }],
        ..Document::default()
    }
}

pub(crate) fn options() -> Options {
    let upstreams = [
        "east=127.0.0.1:8000",
        "cloud=https://api.example.com:443",
        "name=vllm:8000",
    ];
    Options {
        module: "/opt/tollgate/tollgate_gateway.wasm".into(),
        directory: "/etc/tollgate".into(),
        upstreams: upstreams
            .map(|text| Upstream::parse(text, false).unwrap())
            .into(),
        credentials: BTreeMap::from([("pool-key".into(), "/run/secrets/pool-key".into())]),
        previous_clusters: None,
        otlp: None,
        access_log: None,
        ca_file: "/etc/ssl/certs/ca-certificates.crt".into(),
        trusted_hops: 0,
        limits: Limits::default(),
        timeouts: Timeouts::default(),
    }
}

pub(crate) fn listeners() -> Listeners {
    Listeners {
        clients: "0.0.0.0:8080".parse().unwrap(),
        front_door: None,
        applications: None,
        metrics: None,
        admin: Some("127.0.0.1:9901".parse().unwrap()),
    }
}

/// All that an Envoy at the edge of a platform listens on.
#[allow(dead_code, reason = "not every test has a front door")]
pub(crate) fn platform_listeners() -> Listeners {
    let at = |address: &str| Some(address.parse().unwrap());
    let (_, mut other_hosts) = Upstream::parse("https://platform:8443", false).unwrap();
    other_hosts.identity = Some("/etc/tls".into());
    Listeners {
        front_door: Some(FrontDoor {
            host: "api.example.com".into(),
            certificate: "/etc/front-door".into(),
            other_hosts,
            plain: at("0.0.0.0:8000"),
            proxy_protocol: true,
        }),
        applications: at("0.0.0.0:8081"),
        metrics: at("0.0.0.0:9090"),
        ..listeners()
    }
}
