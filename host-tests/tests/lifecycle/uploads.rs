//! Floods of slow uploads: bounded per key and per VM before they are buffered, without harm to
//! others, and forgotten when they are gone.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;
use tollgate_host_tests::scenario::{Abort, Answer, Body, Framing, Generated, Request, Step};

use crate::Promise;
use crate::client::refused;
use crate::flood::{FLOOD, Flood};
use crate::gateway::{Gateway, wait_for};
use crate::messages::{
    after, answer, answered, chat, held, leaving, request, streamed, streamed_chat,
};
use crate::rules::{PLAIN, rules, secret};
use crate::setup::{Setup, WORKERS};

pub(crate) const PROMISES: &[Promise] = &[
    ("uploads/of-one-key-with-a-length", |folder| {
        one_key(folder, Framing::Length, 1 << 20, 4 << 10)
    }),
    ("uploads/of-one-key-chunked", |folder| {
        one_key(folder, Framing::Chunked, 1 << 20, 1 << 20)
    }),
    ("uploads/in-small-pieces-take-no-more-memory", small_pieces),
    ("uploads/of-many-keys-fill-a-vm", many_keys),
    ("uploads/that-end-in-any-phase-leak-nothing", leaks),
];

/// The bound on the bodies in flight of one key in one VM, in bytes.
const PER_KEY: usize = 128 << 20;
/// The largest body, in bytes.
const LARGEST: usize = 32 << 20;
/// Pieces in which a body trickles in.
const PIECES: usize = 16;

/// What Envoy may hold in its heap for so many uploads of so many bytes together: half as much again,
/// 64 KiB for each, and as much for its connection.
const fn heap_for(uploads: usize, bytes: usize) -> u64 {
    (bytes + bytes / 2 + uploads * (128 << 10)) as u64
}

/// A flood of uploads of `counted` bytes each, of which `sent` bytes trickle in.
fn one_key(folder: &Path, framing: Framing, counted: usize, sent: usize) -> Result<()> {
    let gateway = Gateway::with_rules(folder, &rules(PLAIN, &["flood", "other"]))?;
    gateway.serves(&chat("flood", "plain"), &answered())?;
    let heap = gateway.heap()?;
    let held_at_most = WORKERS * PER_KEY / counted;
    let upload = trickling("flood", framing, counted, sent);
    for round in 0..2 {
        let flood = Flood::start(&gateway, &upload)?;
        let excess = FLOOD - held_at_most;
        wait_for("the excess is refused", || {
            let (held, over) = (flood.held(), FLOOD - flood.held());
            ensure!(held > 0, "no upload is left");
            Ok((over >= excess).then_some(()))
        })?;
        for _ in 0..10 {
            gateway.serves(&chat("other", "plain"), &answered())?;
        }
        if framing == Framing::Length {
            let seen = gateway.ask(&chat("flood", "plain"), None)?;
            refused(seen, 429, "too_many_uploads")?;
        }
        let grown = gateway.heap()?.saturating_sub(heap);
        ensure!(
            grown <= heap_for(FLOOD, WORKERS * PER_KEY),
            "round {round}: the heap grew by {} MiB",
            grown >> 20
        );
        flood.refusals(&gateway)?;
        wait_for("the uploads are gone", || {
            Ok((gateway.stat("http.tollgate.downstream_rq_active")? == 0).then_some(()))
        })?;
        gateway.serves(&chat("flood", "plain"), &answered())?;
    }
    gateway.audit()
}

/// Envoy reads into slices of 16 KiB each.
fn small_pieces(folder: &Path) -> Result<()> {
    const UPLOADS: usize = 100;
    const PIECES: usize = 80;
    const PIECE: usize = 600;
    let gateway = Gateway::with_rules(folder, &rules(PLAIN, &["one"]))?;
    gateway.serves(&chat("one", "plain"), &answered())?;
    for framing in [Framing::Length, Framing::Chunked] {
        let in_pieces = |body: Body, sent: usize, abort: Option<Abort>| Request {
            framing,
            splits: (1..=sent / PIECE).map(|piece| piece * PIECE).collect(),
            abort,
            body: Some(body),
            ..chat("one", "plain")
        };
        let (before, heap) = (received(&gateway)?, gateway.heap()?);
        let sent = PIECES * PIECE;
        let upload = in_pieces(
            filler(sent + 1),
            sent,
            Some(Abort::StallAfterRequestBytes(sent)),
        );
        let uploads = (0..UPLOADS).map(|_| gateway.fly(&upload, None));
        let uploads: Vec<_> = uploads.collect::<Result<_>>()?;
        all_received(&gateway, before, UPLOADS * sent)?;
        let grown = gateway.heap()?.saturating_sub(heap);
        let allowed = heap_for(UPLOADS, UPLOADS * sent);
        ensure!(grown <= allowed, "the heap grew by {grown}, not {allowed}");
        drop(uploads);
        active(&gateway, 0)?;

        let text = json!({"model": "plain", "messages": [], "user": numbers()}).to_string();
        let whole = in_pieces(Body::Text(text.clone()), text.len(), None);
        let seen = gateway.serves(&whole, &answered())?;
        ensure!(seen.upstream[0].body == text.as_bytes(), "another body");
    }
    gateway.audit()
}

/// Text in which every piece is different.
fn numbers() -> String {
    (0..6_000).map(|number| format!("{number} ")).collect()
}

fn many_keys(folder: &Path) -> Result<()> {
    let teams = ["a", "b", "c", "d"];
    let setup = Setup::new(folder)?;
    setup.configure(&rules(PLAIN, &[&teams[..], &["e"]].concat()))?;
    let gateway = setup.start_with(1)?;
    let fill = |sent: usize| -> Result<Vec<_>> {
        let of_team = |team| std::iter::repeat_n(team, PER_KEY / LARGEST);
        let uploads = teams
            .into_iter()
            .flat_map(of_team)
            .map(|team| gateway.fly(&trickling(team, Framing::Length, LARGEST, sent), None));
        uploads.collect()
    };

    // Announcements use up a key's share and nothing of the others'.
    let announced = fill(0)?;
    active(&gateway, announced.len())?;
    refused(
        gateway.ask(&chat("a", "plain"), None)?,
        429,
        "too_many_uploads",
    )?;
    gateway.serves(&chat("e", "plain"), &answered())?;
    drop(announced);
    active(&gateway, 0)?;

    // What has arrived fills the worker. Nobody asks before: one more request takes the last one's room.
    let before = received(&gateway)?;
    let mut arrived = fill(LARGEST - 1)?;
    all_received(&gateway, before, arrived.len() * (LARGEST - 1))?;
    refused(
        gateway.ask(&chat("e", "plain"), None)?,
        503,
        "upload_memory_full",
    )?;
    arrived.pop();
    active(&gateway, arrived.len())?;
    gateway.serves(&chat("e", "plain"), &answered())?;
    gateway.audit()
}

fn leaks(folder: &Path) -> Result<()> {
    const ROUNDS: usize = 5;
    let setup = Setup::new(folder)?;
    setup.configure(&rules(PLAIN, &["one"]))?;
    let gateway = setup.start_with(1)?;
    for _ in 0..ROUNDS {
        for (request, answer) in endings() {
            gateway.ask(&request, Some(&answer))?;
        }
        let stalled = gateway.fly(&trickling("one", Framing::Length, LARGEST, 10), None)?;
        active(&gateway, 1)?;
        drop(stalled);
        active(&gateway, 0)?;
    }
    // Exactly what one key may hold has room.
    let whole = trickling("one", Framing::Length, LARGEST, 0);
    let uploads = (0..PER_KEY / LARGEST).map(|_| gateway.fly(&whole, None));
    let uploads: Vec<_> = uploads.collect::<Result<_>>()?;
    active(&gateway, uploads.len())?;
    ensure!(
        !uploads.iter().any(|upload| upload.is_over()),
        "less has room"
    );
    refused(
        gateway.ask(&chat("one", "plain"), None)?,
        429,
        "too_many_uploads",
    )?;
    Ok(())
}

/// Requests that end in each phase, by the client, the module, Envoy and the upstream.
fn endings() -> Vec<(Request, Answer)> {
    let large = || trickling("one", Framing::Length, LARGEST, 10);
    let headers = json!({"authorization": format!("Bearer {}", secret("one"))});
    let invalid =
        json!({"path": "/v1/chat/completions", "headers": headers, "body": {"text": "{"}});
    vec![
        (chat("one", "plain"), answered()),
        (leaving(large(), Abort::AfterRequestBytes(0)), answered()),
        (leaving(large(), Abort::AfterRequestBytes(10)), answered()),
        (leaving(chat("one", "plain"), Abort::AfterMs(50)), held()),
        (
            leaving(streamed_chat("one", "plain"), Abort::AfterEvents(1)),
            streamed(),
        ),
        (
            trickling("one", Framing::Length, LARGEST + 1, 0),
            answered(),
        ),
        (chunked("one", LARGEST + 1), answered()),
        (request(invalid), answered()),
        (chat("one", "absent"), answered()),
        (chat("one", "plain"), after(Step::Reset)),
        (chat("one", "plain"), answer(json!({"status": 500}))),
    ]
}

/// An upload of so many bytes, which stops after so many.
fn trickling(team: &str, framing: Framing, length: usize, sent: usize) -> Request {
    let step = (sent / PIECES).max(1);
    Request {
        framing,
        splits: (0..PIECES).map(|piece| (piece * step).min(sent)).collect(),
        abort: Some(Abort::StallAfterRequestBytes(sent)),
        body: Some(filler(length)),
        ..chat(team, "plain")
    }
}

fn chunked(team: &str, length: usize) -> Request {
    Request {
        framing: Framing::Chunked,
        body: Some(filler(length)),
        ..chat(team, "plain")
    }
}

fn filler(times: usize) -> Body {
    Body::Generated(Generated {
        before: String::new(),
        fill: "x".to_owned(),
        times,
        after: String::new(),
    })
}

/// Bytes that Envoy has read from its clients.
fn received(gateway: &Gateway) -> Result<u64> {
    gateway.stat("http.tollgate.downstream_cx_rx_bytes_total")
}

/// Waits until Envoy has read so many bytes more than it had `before`: the bodies, but for as much as
/// the heads have, which is less than an upload counts as at least.
fn all_received(gateway: &Gateway, before: u64, bytes: usize) -> Result<()> {
    wait_for("all of it has arrived", || {
        Ok((received(gateway)? - before >= bytes as u64).then_some(()))
    })
}

/// Waits until Envoy handles so many requests.
fn active(gateway: &Gateway, requests: usize) -> Result<()> {
    wait_for(&format!("{requests} active requests"), || {
        let active = gateway.stat("http.tollgate.downstream_rq_active")?;
        Ok((active == requests as u64).then_some(()))
    })
}
