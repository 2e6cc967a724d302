//! Servers that answer what no registry should.

use crate::place::{Place, digest};
use crate::server::{Server, answer, ok};
use std::net::TcpListener;
use std::sync::Mutex;

#[test]
fn an_answer_that_is_not_of_its_digest_is_refused() {
    let (place, asked) = (Place::new(), digest(b"asked"));
    let server = Server::always(ok(b"{}"));
    let said = place.fails(1, &["bundle", "verify", &server.pinned(&asked)]);
    let found = digest(b"{}");
    let expected = format!("refused: the manifest: expected {asked}, found {found}\n");
    assert_eq!(said, expected);
}

/// An answer that says how large it is, and one that goes on without a word.
#[test]
fn an_answer_that_is_too_large_is_refused() {
    let (place, asked) = (Place::new(), digest(b"asked"));
    let large = vec![b' '; (4 << 20) + 1];
    let chunk = [
        b"100000\r\n".to_vec(),
        vec![b' '; 1 << 20],
        b"\r\n".to_vec(),
    ]
    .concat();
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless = [head.to_vec(), chunk.repeat(5)].concat();
    for body in [ok(&large), endless] {
        let server = Server::always(body);
        let said = place.fails(1, &["bundle", "verify", &server.pinned(&asked)]);
        let expected = format!(
            "refused: http://{}/v2/a/manifests/{asked} answered with more than 4194304 bytes\n",
            server.address
        );
        assert_eq!(said, expected);
    }
}

#[test]
fn a_blob_that_is_larger_than_its_manifest_says_is_refused() {
    let (config, layer) = (digest(b"{}"), digest(b"module"));
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{config}","size":2}},"layers":[{{"mediaType":"application/wasm","digest":"{layer}","size":6}}]}}"#
    );
    let asked = digest(manifest.as_bytes());
    let server = Server::start(Box::new(move |_, path| {
        if path.contains("/blobs/") {
            return ok(b"{} and more");
        }
        ok(manifest.as_bytes())
    }));
    let said = Place::new().fails(1, &["bundle", "verify", &server.pinned(&asked)]);
    let expected = format!(
        "refused: http://{}/v2/a/blobs/{config} answered with more than 2 bytes\n",
        server.address
    );
    assert_eq!(said, expected);
}

#[test]
fn what_a_server_says_of_an_error_is_bounded_and_escaped() {
    let (place, asked) = (Place::new(), digest(b"asked"));
    let long = "x".repeat(300);
    let page = format!(r#"{{"errors":[{{"code":"\u001b[31m","message":"{long}"}}]}}"#);
    let server = Server::always(answer("500 Oops", "", page.as_bytes()));
    let said = place.fails(2, &["bundle", "verify", &server.pinned(&asked)]);
    let expected = format!(
        "error: GET http://{}/v2/a/manifests/{asked} was answered with 500 Internal Server Error: \
         \\u{{1b}}[31m: {}...\n",
        server.address,
        &long[..200]
    );
    assert_eq!(said, expected);

    let server = Server::always(b"\0not HTTP".to_vec());
    let said = place.fails(2, &["bundle", "verify", &server.pinned(&asked)]);
    assert!(said.starts_with("error: GET http://"), "{said}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let said = place.fails(2, &["bundle", "verify", &format!("{gone}/a@{asked}")]);
    assert!(said.starts_with("error: GET http://"), "{said}");
}

const LOGIN: &str = r#"{"auths": {"ADDRESS": {"auth": "Y2k6YS1wYXNzd29yZA=="}}}"#;

fn log_in(place: &Place, address: &str) {
    let config = LOGIN.replace("ADDRESS", address);
    place.write("docker/config.json", config.as_bytes());
}

#[test]
fn a_token_is_fetched_with_the_login_and_used_without_being_shown() {
    let (place, asked) = (Place::new(), digest(b"asked"));
    let server = Server::with_tokens(|challenge| answer("401 Unauthorized", challenge, b""));
    log_in(&place, &server.address);
    let said = place.fails(2, &["bundle", "verify", &server.pinned(&asked)]);
    let expected = " was answered with 401 Unauthorized\n";
    assert!(said.ends_with(expected), "{said}");
    let heads = server.heads.lock().unwrap();
    for sent in [
        "authorization: Basic Y2k6YS1wYXNzd29yZA==",
        "authorization: Bearer a-token",
        "scope=repository",
        "service=tests",
    ] {
        assert!(heads.contains(sent), "{sent}: {heads}");
    }
    assert_eq!(heads.matches("GET /v2/").count(), 2, "{heads}");
}

/// A registry can't have the login sent to another host in the clear.
#[test]
fn a_token_is_not_fetched_from_elsewhere_without_encryption() {
    let (place, asked) = (Place::new(), digest(b"asked"));
    let thief = Server::always(ok(br#"{"token": "x"}"#));
    let challenge = format!(
        "www-authenticate: Bearer realm=\"http://{}/token\"\r\n",
        thief.address
    );
    let server = Server::always(answer("401 Unauthorized", &challenge, b""));
    log_in(&place, &server.address);
    let said = place.fails(2, &["bundle", "verify", &server.pinned(&asked)]);
    let expected = format!(
        "error: the registry sends us to http://{}/token for a token, which is not encrypted\n",
        thief.address
    );
    assert_eq!(said, expected);
    assert_eq!(*thief.heads.lock().unwrap(), "");
}

/// Nor what is uploaded, with the login that it gave us.
#[test]
fn nothing_is_uploaded_elsewhere_without_encryption() {
    let place = Place::new();
    place.build("bundle", &[]);
    let thief = Server::always(answer("201 Created", "", b""));
    let location = format!("location: http://{}/upload?state=secret\r\n", thief.address);
    let server = Server::start(Box::new(move |method, _| match method {
        "POST" => answer("202 Accepted", &location, b""),
        _ => answer("404 Not Found", "", b""),
    }));
    let target = format!("{}/a", server.address);
    let said = place.fails(2, &["bundle", "push", "bundle", &target]);
    let expected = "error: the registry wants an upload to another host, not encrypted\n";
    assert_eq!(said, expected);
    assert_eq!(*thief.heads.lock().unwrap(), "");
}

/// A redirect is followed, as registries keep blobs elsewhere, but the login stays.
#[test]
fn a_login_does_not_follow_a_redirect() {
    let (place, asked) = (Place::new(), digest(b"{}"));
    let elsewhere = Server::always(ok(b"{}"));
    let redirect = format!("location: http://{}/there\r\n", elsewhere.address);
    let challenged = Mutex::new(false);
    let server = Server::start(Box::new(move |_, _| {
        let mut challenged = challenged.lock().unwrap();
        if !std::mem::replace(&mut *challenged, true) {
            let challenge = "www-authenticate: Basic realm=\"r\"\r\n";
            return answer("401 Unauthorized", challenge, b"");
        }
        answer("307 Temporary Redirect", &redirect, b"")
    }));
    log_in(&place, &server.address);
    let said = place.fails(1, &["bundle", "verify", &server.pinned(&asked)]);
    let expected = format!("refused: the manifest {asked} can't be read: ");
    assert!(said.starts_with(&expected), "{said}");
    let heads = elsewhere.heads.lock().unwrap();
    assert!(heads.starts_with("GET /there "), "{heads}");
    assert!(!heads.contains("authorization"), "{heads}");
    let heads = server.heads.lock().unwrap();
    assert!(heads.contains("authorization: Basic"), "{heads}");
}

/// Nor does where it leads get one by asking.
#[test]
fn only_the_registry_itself_can_ask_for_a_login() {
    let (place, asked) = (Place::new(), digest(b"asked"));
    let thief = Server::always(answer(
        "401 Unauthorized",
        "www-authenticate: Basic realm=\"r\"\r\n",
        b"",
    ));
    let redirect = format!("location: http://{}/there\r\n", thief.address);
    let server = Server::always(answer("307 Temporary Redirect", &redirect, b""));
    log_in(&place, &server.address);
    let said = place.fails(2, &["bundle", "verify", &server.pinned(&asked)]);
    let expected = " was answered with 401 Unauthorized\n";
    assert!(said.ends_with(expected), "{said}");
    for heads in [&thief.heads, &server.heads] {
        let heads = heads.lock().unwrap();
        assert!(!heads.contains("authorization"), "{heads}");
    }
}

/// A registry that lies of a digest, and one that wants a token and has the image then.
#[test]
fn a_tag_is_resolved_by_what_it_holds() {
    let place = Place::new();
    let image = br#"{"schemaVersion": 2, "manifests": [],
        "mediaType": "application/vnd.oci.image.index.v1+json"}"#;
    let lie = format!("docker-content-digest: {}\r\n", digest(b"other"));
    let server = Server::always(answer("200 OK", &lie, image));
    let at = format!("{}/a:1", server.address);
    let said = place.fails(1, &["images", "resolve", &at]);
    let (said_of, is) = (digest(b"other"), digest(image));
    let expected = format!("refused: {at} is said to be {said_of}, and is {is}\n");
    assert_eq!(said, expected);

    let server = Server::with_tokens(|_| ok(image));
    let said = place.done(&["images", "resolve", &format!("{}/a:1", server.address)]);
    assert_eq!(said, format!("{}/a@{is}\n", server.address));
    let heads = server.heads.lock().unwrap();
    for sent in [
        "authorization: Bearer a-token",
        "application/vnd.oci.image.index.v1+json",
    ] {
        assert!(heads.contains(sent), "{sent}: {heads}");
    }
    assert!(!heads.contains("Basic"), "{heads}");
}

/// Elsewhere than on this machine a login needs encryption: it is not even read.
#[test]
fn plain_http_has_no_login() {
    let (place, asked) = (Place::new(), digest(b"asked"));
    place.write("docker/config.json", b"{");
    let pinned = format!("registry.invalid:1/a@{asked}");
    let said = place.fails(2, &["bundle", "verify", "--plain-http", &pinned]);
    let expected = "error: GET http://registry.invalid:1/v2/a/manifests/";
    assert!(said.starts_with(expected), "{said}");
    let said = place.fails(2, &["bundle", "verify", &pinned]);
    let expected = "error: Docker's configuration can't be read, ";
    assert!(said.starts_with(expected), "{said}");
}
