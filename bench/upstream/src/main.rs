//! A model server that answers at once: a fixed chat completion, or a stream of events with a
//! pause between them.
//!
//! It serves HTTP/1.1 on loopback with a thread for each connection, which is the fastest there is
//! for a few connections, and prints its port. What it reads of a request is its length and
//! whether it wants a stream.

mod answer;
mod request;

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use answer::Answers;
use anyhow::Result;
use clap::Parser;

/// Serves chat completions that are always the same.
#[derive(Debug, Parser)]
struct Arguments {
    /// Events of a streamed answer, the usage report and `[DONE]` among them
    #[arg(long, default_value_t = 100)]
    events: usize,

    /// Least microseconds from one event to the next; the kernel's timers add some 50
    #[arg(long, default_value_t = 20)]
    gap: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let answers: &'static Answers = Box::leak(Box::new(Answers::new(arguments.events)));
    let gap = Duration::from_micros(arguments.gap);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    for connection in listener.incoming() {
        let connection = connection?;
        // A connection that breaks is the peer's to break: streams are aborted on purpose.
        thread::spawn(move || serve(&connection, answers, gap));
    }
    Ok(())
}

/// Answers one request after another until the peer closes.
fn serve(connection: &TcpStream, answers: &Answers, gap: Duration) -> Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, connection);
    let mut writer = connection;
    while let Some(request) = request::read(&mut reader)? {
        if !request.wants_stream {
            writer.write_all(&answers.chat)?;
            continue;
        }
        for piece in &answers.stream {
            writer.write_all(piece)?;
            thread::sleep(gap);
        }
    }
    Ok(())
}
