//! What Envoy does by itself, with no module loaded: to a client's headers, to idle connections,
//! to files beside its own.

use super::common::{document, listeners, options};
use super::{Running, at_once, contents, free_port, get, start_without_module};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, sleep};
use std::time::Duration;
use tempfile::TempDir;
use tollgate_envoy_config::{Listeners, generate};

const PAUSE: Duration = Duration::from_millis(50);
/// That many pauses are enough on a busy machine.
const PATIENCE: usize = 400;

/// By the generated listener without its filter, and with a route that leads to an upstream.
#[test]
fn a_clients_routing_hints_and_traces_are_gone_before_any_filter() {
    for (collector, traced) in [(None, "client's"), (Some("127.0.0.1:9"), "gateway's")] {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free_port();
        let mut options = options();
        options.otlp = collector.map(|address| address.parse().unwrap());
        let mut bootstrap = bootstrap(port, &options);
        let manager = manager(&mut bootstrap);
        manager["http_filters"].as_array_mut().unwrap().remove(0);
        let action = &mut manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"];
        *action = json!({ "cluster": "upstream" });
        bootstrap["static_resources"]["clusters"]
            .as_array_mut()
            .unwrap()
            .push(cluster(&upstream));

        let folder = TempDir::new().unwrap();
        let _envoy = start(&folder, &bootstrap);
        let seen = thread::spawn(move || one_request(&upstream));
        send(
            port,
            "GET / HTTP/1.1\r\nhost: test\r\nX-Tollgate-Cluster: east\r\nx-tollgate-: a\r\n\
             X-GATEWAY-Model-Name: a\r\nx-gateway-model-name: b\r\nx-tollgates: kept\r\n\
             traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n\
             tracestate: vendor=hidden\r\n\r\n",
        );
        let seen = seen.join().unwrap();
        for forged in ["x-tollgate-", "x-gateway-"] {
            assert!(!seen.contains(forged), "{seen}");
        }
        assert!(seen.contains("x-tollgates: kept\r\n"), "{seen}");
        let clients = seen.contains("0af7651916cd43dd8448eb211c80319c") && seen.contains("hidden");
        assert_eq!(clients, traced == "client's", "{seen}");
        if !clients {
            assert!(!seen.contains("tracestate: vendor"), "{seen}");
            let sampled =
                |line: &str| line.starts_with("traceparent: 00-") && line.ends_with("-01");
            assert!(seen.lines().any(sampled), "{seen}");
        }
    }
}

/// Whether it never had a request, or had one.
#[test]
fn a_connection_without_a_request_is_closed() {
    let port = free_port();
    let mut bootstrap = bootstrap(port, &options());
    let manager = manager(&mut bootstrap);
    let protocol = &mut manager["common_http_protocol_options"];
    assert_eq!(protocol["idle_timeout"], "120s");
    protocol["idle_timeout"] = json!("0.5s");
    manager["http_filters"].as_array_mut().unwrap().remove(0);
    let folder = TempDir::new().unwrap();
    let _envoy = start(&folder, &bootstrap);
    for request in ["", "GET / HTTP/1.1\r\nhost: test\r\n\r\n"] {
        let mut connection = connect(port);
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.is_empty(), request.is_empty());
    }
}

/// What `tollgate envoy-config` leaves in the folder if it is killed.
#[test]
fn an_unfinished_file_beside_the_others_is_not_read() {
    let admin = free_port();
    let folder = TempDir::new().unwrap();
    let _envoy = start_without_module(&folder, free_port(), Some(admin));
    let reads = || {
        let stats = get(admin, "/stats?filter=tollgate.update_attempt").unwrap_or_default();
        let (_, count) = stats.split_once("update_attempt: ")?;
        count.split_whitespace().next()?.parse::<u64>().ok()
    };
    eventually(|| reads() == Some(1));
    let leftover = folder.path().join(".tollgate-Ab12Cd");
    let module = fs::read(folder.path().join("module.json")).unwrap();
    for end in [0, 100, module.len()] {
        fs::write(&leftover, &module[..end]).unwrap();
        sleep(Duration::from_millis(100));
    }
    assert_eq!(reads(), Some(1));
    fs::rename(&leftover, folder.path().join("module.json")).unwrap();
    eventually(|| reads() == Some(2));
}

/// The generated bootstrap with its clusters in it.
fn bootstrap(port: u16, options: &tollgate_envoy_config::Options) -> Value {
    let listeners = Listeners {
        clients: format!("127.0.0.1:{port}").parse().unwrap(),
        ..listeners()
    };
    let files = generate(&document(), &listeners, options).unwrap();
    assert!(contents(&files, "bootstrap.json").contains("early_header_mutation_extensions"));
    let mut bootstrap = at_once(&files);
    bootstrap["admin"].take();
    bootstrap
}

fn manager(bootstrap: &mut Value) -> &mut Value {
    &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

fn cluster(upstream: &TcpListener) -> Value {
    let address = upstream.local_addr().unwrap();
    let socket = json!({ "address": "127.0.0.1", "port_value": address.port() });
    json!({
        "name": "upstream",
        "load_assignment": { "cluster_name": "upstream", "endpoints": [{ "lb_endpoints": [
            { "endpoint": { "address": { "socket_address": socket } } },
        ] }] },
    })
}

fn start(folder: &TempDir, bootstrap: &Value) -> Running {
    let here = folder.path().to_str().unwrap();
    fs::write(folder.path().join("secret-pool-key.json"), "{}").unwrap();
    let file = folder.path().join("bootstrap.json");
    fs::write(&file, bootstrap.to_string().replace("/etc/tollgate", here)).unwrap();
    Running::start(&file)
}

/// The head of the first request, which is answered.
fn one_request(upstream: &TcpListener) -> String {
    let (mut connection, _) = upstream.accept().unwrap();
    let mut head = String::new();
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    connection.write_all(answer).unwrap();
    head
}

/// Sends a request and reads the first line of the answer.
fn send(port: u16, request: &str) {
    let mut connection = connect(port);
    connection.write_all(request.as_bytes()).unwrap();
    let mut status = String::new();
    BufReader::new(connection).read_line(&mut status).unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK\r\n");
}

/// As soon as Envoy listens.
fn connect(port: u16) -> TcpStream {
    for _ in 0..PATIENCE {
        if let Ok(connection) = TcpStream::connect(("127.0.0.1", port)) {
            return connection;
        }
        sleep(PAUSE);
    }
    panic!("Envoy did not listen");
}

fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..PATIENCE {
        if holds() {
            return;
        }
        sleep(PAUSE);
    }
    panic!("it never came");
}
