//! What a real Envoy says of the generated files. `TOLLGATE_ENVOY` names its binary.

mod common;
#[path = "real_envoy/edge.rs"]
mod edge;

use common::{document, listeners, options, platform_listeners};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;
use tollgate_envoy_config::{File, Listeners, Options, Upstream, fragment, generate};

type Change = fn(&mut Options);

#[test]
fn every_configuration_is_valid() {
    let variants: [(&str, Change); 5] = [
        ("the defaults", |_| {}),
        ("a collector", |options| {
            options.otlp = Some("127.0.0.1:4317".parse().unwrap())
        }),
        ("a collector's name", |options| {
            options.otlp = Some("collector:4317".parse().unwrap())
        }),
        ("HTTP/2 to TLS on an address", |options| {
            let (name, upstream) = Upstream::parse("name=https://[::1]:443", true).unwrap();
            options.upstreams.insert(name, upstream);
        }),
        ("other bounds", |options| {
            options.access_log = Some("/dev/null".into());
            options.trusted_hops = 2;
            options.limits.body = 1;
            options.timeouts.connect = Duration::from_millis(250);
        }),
    ];
    for (variant, change) in variants {
        let mut options = options();
        change(&mut options);
        let files = generate(&document(), &listeners(), &options).unwrap();
        let folder = TempDir::new().unwrap();
        validate(variant, &folder, &at_once(&files));
    }
}

#[test]
fn the_edge_of_a_platform_is_valid() {
    let files = generate(&document(), &platform_listeners(), &options()).unwrap();
    let folder = TempDir::new().unwrap();
    for name in [
        "certificate-etc-front.2d.door",
        "certificate-etc-tls",
        "authority-etc-tls",
    ] {
        fs::write(folder.path().join(format!("{name}.json")), "{}").unwrap();
    }
    validate("a front door", &folder, &at_once(&files));
}

#[test]
fn a_fragment_fits_an_envoy() {
    let mut options = options();
    options.otlp = Some("127.0.0.1:4317".parse().unwrap());
    let files = fragment(&document(), &options).unwrap();
    let mut fragment: Value = serde_saphyr::from_str(&contents(&files, "fragment.yaml")).unwrap();
    let mut manager = fragment["connection_manager"].take();
    manager["@type"] = json!(
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    );
    manager["stat_prefix"] = json!("existing");
    manager["route_config"] = fragment["route_config"].take();
    let mut bootstrap = fragment["bootstrap"].take();
    bootstrap["static_resources"]["listeners"] = json!([{
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 8080 } },
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }] }],
    }]);
    let folder = TempDir::new().unwrap();
    bootstrap["dynamic_resources"].take();
    validate("the fragment", &folder, &bootstrap);
}

/// Each takes a second, for which Envoy holds the connection open after a reply of its own.
const ENOUGH: usize = 3;

/// A policy that can't be loaded: Envoy itself answers, and never that it is ready.
#[test]
fn an_envoy_without_a_policy_is_not_ready() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let _envoy = start_without_module(&folder, port, None);
    let mut answers = Vec::new();
    for _ in 0..200 {
        answers.extend(get(port, "/readyz"));
        if answers.len() >= ENOUGH {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    assert!(answers.len() >= ENOUGH, "Envoy did not answer");
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains(r#""code":"gateway_not_ready""#), "{answer}");
    }
}

/// An Envoy with all that it reads in this folder, but for the module.
fn start_without_module(folder: &TempDir, port: u16, admin: Option<u16>) -> Running {
    let on_loopback = |port: u16| format!("127.0.0.1:{port}").parse().unwrap();
    let listeners = Listeners {
        clients: on_loopback(port),
        admin: admin.map(on_loopback),
        ..listeners()
    };
    let mut options = options();
    options.directory = folder.path().to_owned();
    options.module = folder.path().join("no-such-module.wasm");
    for file in generate(&document(), &listeners, &options).unwrap() {
        fs::write(folder.path().join(&file.name), &file.contents).unwrap();
    }
    Running::start(&folder.path().join("bootstrap.json"))
}

/// The bootstrap with what Envoy would discover already in it, since validation discovers nothing.
fn at_once(files: &[File]) -> Value {
    let json = |name: &str| serde_json::from_str::<Value>(&contents(files, name)).unwrap();
    let mut bootstrap = json("bootstrap.json");
    bootstrap["dynamic_resources"].take();
    let fixed = &mut bootstrap["static_resources"];
    fixed["secrets"] = untyped(json("secret-pool-key.json"));
    let mut clusters = untyped(json("clusters.json")).as_array().unwrap().clone();
    clusters.extend(fixed["clusters"].as_array().cloned().unwrap_or_default());
    fixed["clusters"] = clusters.into();
    bootstrap
}

fn untyped(mut discovered: Value) -> Value {
    for resource in discovered["resources"].as_array_mut().unwrap() {
        resource.as_object_mut().unwrap().remove("@type");
    }
    discovered["resources"].take()
}

fn contents(files: &[File], name: &str) -> String {
    files
        .iter()
        .find(|file| file.name == name)
        .unwrap()
        .contents
        .clone()
}

/// Discovery files must exist for Envoy to accept their sources.
fn validate(what: &str, folder: &TempDir, bootstrap: &Value) {
    let here = folder.path().to_str().unwrap();
    for name in ["module.json", "secret-pool-key.json"] {
        fs::write(folder.path().join(name), "{}").unwrap();
    }
    let file = folder.path().join("bootstrap.json");
    fs::write(&file, bootstrap.to_string().replace("/etc/tollgate", here)).unwrap();
    let output = Command::new(envoy())
        .args(["--mode", "validate", "--log-level", "warning", "-c"])
        .arg(&file)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {log}");
}

fn envoy() -> PathBuf {
    std::env::var_os("TOLLGATE_ENVOY")
        .expect("TOLLGATE_ENVOY must name the Envoy binary: run `make test`")
        .into()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The whole answer, if Envoy listens already.
fn get(port: u16, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// An Envoy that ends with the test.
struct Running(Child);

impl Running {
    fn start(bootstrap: &Path) -> Self {
        let child = Command::new(envoy())
            .args(["--concurrency", "1", "--disable-hot-restart", "-c"])
            .arg(bootstrap)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
