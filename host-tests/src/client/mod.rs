//! The client: speaks HTTP/1.1 or HTTP/2 exactly as a scenario says, and reports what came back.

mod h1;
mod h2;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpSocket, TcpStream};

use crate::headers::{Headers, latin1};
use crate::scenario::{Abort, Framing, Protocol, Request};

/// The authority that requests name unless a scenario says otherwise.
const HOST: &str = "gateway.test";
/// The header by which the upstream finds its script.
pub const SCENARIO_HEADER: &str = "x-scenario";
/// The pause between the pieces of a request body.
const BETWEEN_PIECES: Duration = Duration::from_millis(20);

/// What the client saw of one exchange.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `None`: no answer came.
    pub status: Option<u16>,
    /// The answer's fields, names in lower case.
    pub headers: Headers,
    /// The body as far as it came, without transfer coding.
    pub body: Vec<u8>,
    /// The answer's trailers.
    pub trailers: Headers,
    /// How it ended.
    pub end: End,
}

/// How an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// As HTTP says it must.
    Complete,
    /// Cut off, and how.
    Cut(String),
    /// The client left.
    #[default]
    Left,
}

/// A connection to the gateway.
#[derive(Debug)]
pub enum Connection {
    /// HTTP/1.1.
    H1(h1::Connection),
    /// HTTP/2.
    H2(h2::Connection),
}

impl Connection {
    /// Connects to the gateway from `source`, a loopback address.
    pub async fn open(
        protocol: Protocol,
        gateway: SocketAddr,
        source: Ipv4Addr,
    ) -> io::Result<Self> {
        let stream = connect(gateway, source).await?;
        Ok(match protocol {
            Protocol::H1 => Self::H1(h1::Connection::new(stream)),
            Protocol::H2 => Self::H2(h2::Connection::open(stream).await?),
        })
    }

    /// Sends a request and reads its answer. An error says why nothing could be sent.
    pub async fn exchange(&mut self, outgoing: &Outgoing) -> Result<Seen, String> {
        match self {
            Self::H1(connection) => connection.exchange(outgoing).await,
            Self::H2(connection) => connection.exchange(outgoing).await,
        }
    }

    /// Bytes that came behind the last answer, which no gateway may send.
    pub fn surplus(&self) -> &[u8] {
        match self {
            Self::H1(connection) => connection.surplus(),
            Self::H2(_) => &[],
        }
    }
}

async fn connect(gateway: SocketAddr, source: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // A bound socket takes its port from every other one; an unbound one from those with the same
    // peer. Where there is no need to bind, thousands of connections a minute find a port.
    if source != Ipv4Addr::LOCALHOST {
        socket.bind(SocketAddr::from((source, 0)))?;
    }
    let stream = socket.connect(gateway).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A request ready to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    method: String,
    path: Vec<u8>,
    host: Vec<u8>,
    /// Without `host`.
    headers: Headers,
    /// `None`: no body.
    body: Option<Bytes>,
    framing: Framing,
    splits: Vec<usize>,
    trailers: Headers,
    abort: Option<Abort>,
    raw: Option<Vec<u8>>,
}

impl Outgoing {
    /// The request of an exchange whose upstream script is found by `id`.
    pub fn new(request: &Request, id: &str) -> Result<Self, String> {
        let mut headers = request.headers.clone();
        let host = headers.value("host").unwrap_or_else(|| HOST.into());
        headers
            .0
            .retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
        headers.push(SCENARIO_HEADER, id);
        let body = request.body.as_ref().map(|body| Bytes::from(body.bytes()));
        let default_method = if body.is_some() { "POST" } else { "GET" };
        Ok(Self {
            method: request.method.clone().unwrap_or(default_method.to_owned()),
            path: latin1(&request.path).ok_or("the path has a character above \\xff")?,
            host,
            headers,
            body,
            framing: request.framing,
            splits: request.splits.clone(),
            trailers: request.trailers.clone(),
            abort: request.abort,
            raw: match &request.raw {
                Some(raw) => Some(with_scenario(raw, id)?),
                None => None,
            },
        })
    }

    /// The body in the pieces that are sent, up to where the client stops; with whether it stops.
    fn pieces(&self) -> (Vec<Bytes>, bool) {
        let body = self.body.clone().unwrap_or_default();
        let stop = match self.abort {
            Some(Abort::AfterRequestBytes(n) | Abort::StallAfterRequestBytes(n)) => Some(n),
            _ => None,
        };
        let sent = body.slice(..stop.unwrap_or(body.len()).min(body.len()));
        let mut pieces = Vec::new();
        let mut from = 0;
        for at in self.splits.iter().map(|at| (*at).min(sent.len())) {
            pieces.push(sent.slice(from..at.max(from)));
            from = at.max(from);
        }
        pieces.push(sent.slice(from..));
        (pieces, stop.is_some())
    }

    /// Whether the client has seen enough of an answer.
    fn leaves_at(&self, body: &[u8]) -> bool {
        match self.abort {
            Some(Abort::AfterResponseBytes(n)) => body.len() >= n,
            Some(Abort::AfterEvents(n)) => events(body) >= n,
            _ => false,
        }
    }
}

/// Puts the scenario's id behind the request line.
fn with_scenario(raw: &str, id: &str) -> Result<Vec<u8>, String> {
    let (line, rest) = raw
        .split_once("\r\n")
        .ok_or("`raw` has no line that ends with CRLF")?;
    latin1(&format!("{line}\r\n{SCENARIO_HEADER}: {id}\r\n{rest}"))
        .ok_or("`raw` has a character above \\xff".to_owned())
}

/// How many SSE events are whole: each ends with an empty line.
fn events(body: &[u8]) -> usize {
    let lf = memchr::memmem::find_iter(body, b"\n\n").count();
    let crlf = memchr::memmem::find_iter(body, b"\r\n\r\n").count();
    lf + crlf
}
