//! The harness's HTTP/2 client against a server that is not ours.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;
use tokio::task::JoinHandle;
use tollgate_host_tests::client::{Connection, End, Outgoing};
use tollgate_host_tests::scenario::{Abort, Protocol, Request};

#[tokio::test]
async fn http2_carries_hostile_values_trailers_and_resets() {
    let (address, server) = h2_server().await;
    let mut client = Connection::open(Protocol::H2, address, Ipv4Addr::LOCALHOST)
        .await
        .unwrap();
    let request: Request = serde_json::from_value(json!({
        "path": "/v1//%2e", "headers": {"x-hostile": "a\u{ff}b"},
        "body": {"text": "hello"}, "splits": [0, 2], "trailers": {"x-end": "1"},
    }))
    .unwrap();
    let outgoing = Outgoing::new(&request, "self").unwrap();
    let seen = client.exchange(&outgoing).await.unwrap();
    assert_eq!((seen.status, seen.end), (Some(200), End::Complete));
    assert_eq!(seen.body, b"/v1//%2e a\xffb hello 1");
    assert_eq!(seen.trailers.value("x-last"), Some(b"2".to_vec()));

    let left = Request {
        abort: Some(Abort::AfterRequestBytes(3)),
        ..request
    };
    let outgoing = Outgoing::new(&left, "self").unwrap();
    let seen = client.exchange(&outgoing).await.unwrap();
    assert_eq!((seen.status, seen.end), (None, End::Left));
    drop(client);
    let error = server.await.unwrap();
    assert_eq!(error, "stream error received: stream no longer needed");
}

/// Echoes the first request; gives the error that ends the second.
async fn h2_server() -> (SocketAddr, JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (done, mut errors) = tokio::sync::mpsc::channel(1);
        while let Some(Ok((request, respond))) = connection.accept().await {
            let done = done.clone();
            tokio::spawn(async move {
                if let Err(error) = echo(request, respond).await {
                    done.send(error.to_string()).await.unwrap();
                }
            });
        }
        errors.recv().await.unwrap()
    });
    (address, server)
}

async fn echo(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<bytes::Bytes>,
) -> Result<(), h2::Error> {
    let (head, mut body) = request.into_parts();
    let mut echo = [
        head.uri.path().as_bytes(),
        head.headers["x-hostile"].as_bytes(),
        b"",
    ]
    .join(&b' ');
    while let Some(piece) = body.data().await {
        echo.extend_from_slice(&piece?);
    }
    let trailers = body.trailers().await?.unwrap();
    echo.push(b' ');
    echo.extend_from_slice(trailers["x-end"].as_bytes());
    let mut stream = respond.send_response(http::Response::new(()), false)?;
    stream.send_data(echo.into(), false)?;
    let mut last = http::HeaderMap::new();
    last.insert("x-last", http::HeaderValue::from_static("2"));
    stream.send_trailers(last)
}
