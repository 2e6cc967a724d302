//! The scripted upstream: a small server that plays what a scenario says and records what it
//! receives; over HTTP/1.1 byte for byte.
//!
//! A request names its script in the header `x-scenario`. Whatever else arrives on a connection is
//! kept as a stray: bytes that a gateway let slip into the next request show up there.

mod h1;
mod h2;
mod play;
mod receive;

use std::collections::{BTreeMap, HashMap};
use std::future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::client::SCENARIO_HEADER;
use crate::scenario::{Answer, Protocol};

pub use receive::Received;

/// How long an answer may still be played when its exchange is over for the client.
const SETTLING: Duration = Duration::from_secs(5);
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(20);

/// The upstream, listening on one loopback port for each name.
#[derive(Debug)]
pub struct Upstream {
    addresses: BTreeMap<String, SocketAddr>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    slots: HashMap<String, Slot>,
    strays: Vec<String>,
    traffic: Vec<Vec<u8>>,
    playing: usize,
    most_playing: usize,
}

#[derive(Debug, Default)]
struct Slot {
    answer: Option<Answer>,
    received: Vec<Received>,
    playing: usize,
    resumed: watch::Sender<bool>,
}

/// How a request is answered.
struct Script {
    /// Which of those with this id it is.
    number: usize,
    /// `None`: the request should not have come.
    answer: Option<Answer>,
    resumed: watch::Receiver<bool>,
}

impl Upstream {
    /// Listens under each of these names and speaks this protocol alone.
    pub async fn start(names: &[&str], protocol: Protocol) -> io::Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST, names, protocol).await
    }

    /// The same at another loopback address.
    pub async fn start_at(
        address: Ipv4Addr,
        names: &[&str],
        protocol: Protocol,
    ) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let mut addresses = BTreeMap::new();
        for name in names {
            let listener = TcpListener::bind((address, 0)).await?;
            addresses.insert((*name).to_owned(), listener.local_addr()?);
            tokio::spawn(accept(
                listener,
                (*name).to_owned(),
                protocol,
                state.clone(),
            ));
        }
        Ok(Self { addresses, state })
    }

    /// Names and addresses.
    pub fn addresses(&self) -> &BTreeMap<String, SocketAddr> {
        &self.addresses
    }

    /// Prepares for requests with this id; `None`: there should be none.
    pub fn prepare(&self, id: &str, answer: Option<&Answer>) {
        let slot = Slot {
            answer: answer.cloned(),
            ..Slot::default()
        };
        self.state.lock().slots.insert(id.to_owned(), slot);
    }

    /// Waits until this many requests with this id have come; says whether they did in time.
    pub async fn arrived(&self, id: &str, least: usize) -> bool {
        let arrived = async {
            loop {
                let changed = self.state.changed.notified();
                if self.state.received(id) >= least {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(ARRIVAL, arrived).await.is_ok()
    }

    /// Ends the pauses of this id's answers, those to come as well.
    pub fn resume(&self, id: &str) {
        if let Some(slot) = self.state.lock().slots.get(id) {
            slot.resumed.send_replace(true);
        }
    }

    /// What was received with this id, once no answer to it is being played any more.
    pub async fn received(&self, id: &str) -> Vec<Received> {
        let idle = async {
            loop {
                let changed = self.state.changed.notified();
                let playing = self
                    .state
                    .lock()
                    .slots
                    .get(id)
                    .map_or(0, |slot| slot.playing);
                if playing == 0 {
                    break;
                }
                changed.await;
            }
        };
        // An answer still being played is reported as not taken.
        let _ = tokio::time::timeout(SETTLING, idle).await;
        let slot = self.state.lock().slots.remove(id);
        slot.map_or_else(Vec::new, |slot| slot.received)
    }

    /// What arrived and was no request of a scenario.
    pub fn strays(&self) -> Vec<String> {
        self.state.lock().strays.clone()
    }

    /// The most answers that were being played at one time.
    pub fn most_playing(&self) -> usize {
        self.state.lock().most_playing
    }

    /// Every head received and the beginning of each body.
    pub fn traffic(&self) -> Vec<Vec<u8>> {
        self.state.lock().traffic.clone()
    }
}

async fn accept(listener: TcpListener, name: String, protocol: Protocol, state: Arc<State>) {
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                state.stray(format!("{name}: accept failed: {error}"));
                continue;
            }
        };
        match (stream.set_nodelay(true), protocol) {
            (Err(error), _) => state.stray(format!("{name}: {error}")),
            (Ok(()), Protocol::H1) => {
                tokio::spawn(h1::serve(stream, name.clone(), state.clone()));
            }
            (Ok(()), Protocol::H2) => {
                tokio::spawn(h2::serve(stream, name.clone(), state.clone()));
            }
        }
    }
}

/// A pause in an answer, which its test may cut short.
async fn pause(ms: u64, mut resumed: watch::Receiver<bool>) {
    let resumed = async {
        if resumed.wait_for(|resumed| *resumed).await.is_err() {
            // Nobody is left to say so.
            future::pending().await
        }
    };
    // Both ends are good.
    let _ = tokio::time::timeout(Duration::from_millis(ms), resumed).await;
}

/// The id by which a request names its script.
fn scenario_of(received: &Received) -> String {
    let id = received.headers.value(SCENARIO_HEADER).unwrap_or_default();
    String::from_utf8_lossy(&id).into_owned()
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves lists of finished entries behind: still good to report.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests with this id have come.
    fn received(&self, id: &str) -> usize {
        let inner = self.lock();
        inner.slots.get(id).map_or(0, |slot| slot.received.len())
    }

    fn stray(&self, what: String) {
        self.lock().strays.push(what);
    }

    /// Records a request; gives the answer to play.
    fn begin(&self, id: &str, received: Received) -> Option<Script> {
        let mut inner = self.lock();
        inner.traffic.push(received.beginning());
        let slot = inner.slots.get_mut(id)?;
        slot.playing += 1;
        slot.received.push(received);
        let script = Script {
            number: slot.received.len() - 1,
            answer: slot.answer.clone(),
            resumed: slot.resumed.subscribe(),
        };
        inner.playing += 1;
        inner.most_playing = inner.most_playing.max(inner.playing);
        self.changed.notify_waiters();
        Some(script)
    }

    fn end(&self, id: &str, number: usize, taken: bool) {
        let mut inner = self.lock();
        inner.playing -= 1;
        if let Some(slot) = inner.slots.get_mut(id) {
            slot.playing -= 1;
            if let Some(received) = slot.received.get_mut(number) {
                received.answer_taken = taken;
            }
        }
        self.changed.notify_waiters();
    }
}
