//! A server of one's own, which answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a server says to a method and a path: status line, headers and body as they are sent.
type Answers = dyn Fn(&str, &str) -> Vec<u8> + Send + Sync;

pub(crate) struct Server {
    pub(crate) address: String,
    /// The heads of all requests that came.
    pub(crate) heads: Arc<Mutex<String>>,
}

impl Server {
    /// Ends with the test's process.
    pub(crate) fn start(answers: Box<Answers>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads = Arc::new(Mutex::new(String::new()));
        let noted = Arc::clone(&heads);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let _ = serve(connection.unwrap(), &*answers, &noted);
            }
        });
        Self { address, heads }
    }

    pub(crate) fn always(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(Box::new(move |_, _| answer.clone()))
    }

    /// Gives a token to everyone, and asks for it; what it answers with that, it is told.
    pub(crate) fn with_tokens(admitted: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let address = Arc::new(Mutex::new(String::new()));
        let (known, asked) = (Arc::clone(&address), Mutex::new(false));
        let server = Self::start(Box::new(move |_, path| {
            if path.starts_with("/token?") {
                return ok(br#"{"token": "a-token"}"#);
            }
            let challenge = format!(
                "www-authenticate: Bearer realm=\"http://{}/token\",service=\"tests\"\r\n",
                known.lock().unwrap()
            );
            if std::mem::replace(&mut *asked.lock().unwrap(), true) {
                return admitted(&challenge);
            }
            answer("401 Unauthorized", &challenge, b"")
        }));
        address.lock().unwrap().clone_from(&server.address);
        server
    }

    pub(crate) fn pinned(&self, digest: &str) -> String {
        format!("{}/a@{digest}", self.address)
    }
}

fn serve(connection: TcpStream, answers: &Answers, noted: &Mutex<String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let before = head.len();
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
        let line = head[before..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
    noted.lock().unwrap().push_str(&head);
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    (&connection).write_all(&answers(method, path))
}

pub(crate) fn ok(body: &[u8]) -> Vec<u8> {
    answer("200 OK", "", body)
}

pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
