//! `tollgate why`: what the access log says of one request, as a trace for people.

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// Explain what became of a request, by its line in the access log
#[derive(Args)]
pub(crate) struct Why {
    /// The request id that error messages end with
    #[arg(long, value_name = "ID")]
    request_id: String,
    /// The access log; `-` is standard input
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
}

pub(crate) fn run(arguments: &Why, out: &mut impl Write) -> Result<(), Failure> {
    let Why { request_id, log } = arguments;
    let lines: Box<dyn BufRead> = if log == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(log).with_context(|| log.display().to_string())?;
        Box::new(BufReader::new(file))
    };
    let mut found = false;
    for line in lines.split(b'\n') {
        let line = line.with_context(|| log.display().to_string())?;
        // Most lines are of other requests, and need not be parsed.
        if memchr::memmem::find(&line, request_id.as_bytes()).is_none() {
            continue;
        }
        let Ok(record) = serde_json::from_slice::<Value>(&line) else {
            continue;
        };
        if record["request_id"] == request_id.as_str() {
            trace(&Record(&record), out)?;
            found = true;
        }
    }
    if found {
        return Ok(());
    }
    let message = anyhow!(
        "{}: no request {request_id} in it; Envoy writes a line up to ten seconds after its request",
        log.display()
    );
    Err(message.into())
}

/// A line of the access log.
struct Record<'a>(&'a Value);

impl Record<'_> {
    /// A field as text, if it has a value. A client chose some of them: nothing in them may steer
    /// a terminal.
    fn text(&self, field: &str) -> Option<String> {
        match &self.0[field] {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) if text.contains(char::is_control) => {
                Some(text.escape_debug().to_string())
            }
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn or_none(&self, field: &str) -> String {
        self.text(field).unwrap_or_else(|| "none".to_owned())
    }
}

fn trace(record: &Record<'_>, out: &mut impl Write) -> io::Result<()> {
    let text = |field: &str| record.or_none(field);
    let (id, time) = (text("request_id"), text("time"));
    writeln!(out, "request {id}, {time}")?;
    let (method, path, source) = (text("method"), text("path"), text("source"));
    entry(out, "asked", &format!("{method} {path} from {source}"))?;
    if record.text("key").is_some() {
        let (organization, team, key) = (text("organization"), text("team"), text("key"));
        entry(out, "key", &format!("{organization}/{team}/{key}"))?;
    }
    if let Some(hash) = record.text("key_hash") {
        entry(out, "key", &format!("unknown; its hash begins with {hash}"))?;
    }
    model(record, out)?;
    let (status, outcome) = (text("status"), text("outcome"));
    let reason = record
        .text("reason")
        .map_or(String::new(), |r| format!(", {r}"));
    entry(out, "answer", &format!("{status}, {outcome}{reason}"))?;
    limit(record, out)?;
    if let Some(rules) = record.text("passed_over") {
        for rule in rules.split(' ') {
            entry(out, "passed over", rule)?;
        }
    }
    money(record, out)?;
    if let Some(upstream) = record.text("upstream") {
        let attempts = text("attempts");
        entry(
            out,
            "upstream",
            &format!("{upstream}, attempts: {attempts}"),
        )?;
    }
    if let Some(details) = record.text("details") {
        let flags = text("flags");
        entry(out, "envoy", &format!("{details}, flags {flags}"))?;
    }
    entry(out, "policy", &text("policy"))
}

fn model(record: &Record<'_>, out: &mut impl Write) -> io::Result<()> {
    let Some(asked) = record.text("model_requested") else {
        return Ok(());
    };
    let Some(model) = record.text("model") else {
        return entry(out, "model", &asked);
    };
    let (target, served) = (record.or_none("target"), record.or_none("model_served"));
    let instead = record.text("fallback_from");
    let instead = instead.map_or(String::new(), |from| format!(", instead of {from}"));
    entry(
        out,
        "model",
        &format!("{asked} is {model}{instead}; target {target} serves {served}"),
    )
}

fn limit(record: &Record<'_>, out: &mut impl Write) -> io::Result<()> {
    let Some(rule) = record.text("limit_rule") else {
        return Ok(());
    };
    let source = record.text("limit_source");
    let source = source.map_or(String::new(), |source| format!(" ({source})"));
    let did = match &*record.or_none("outcome") {
        "refused" => "refused by",
        _ => "ended by",
    };
    entry(out, did, &format!("{rule}{source}"))?;
    let text = |field: &str| record.or_none(field);
    let amounts = format!(
        "limit {} {}; {} left, {} held by others, {} requested",
        text("limit_amount"),
        text("limit_unit"),
        text("limit_left"),
        text("limit_held"),
        text("limit_requested"),
    );
    entry(out, "", &amounts)
}

fn money(record: &Record<'_>, out: &mut impl Write) -> io::Result<()> {
    let Some(cost) = record.text("cost_usd") else {
        return Ok(());
    };
    let text = |field: &str| record.or_none(field);
    let (charged, reserved) = (text("charged"), text("reserved_usd"));
    let prices = text("price_version");
    entry(
        out,
        "cost",
        &format!("{cost} USD, {charged}; {reserved} reserved; prices {prices}"),
    )?;
    if let Some(charged_for) = record.text("charged_for") {
        entry(out, "", &charged_for)?;
    }
    entry(out, "record", &text("record_id"))
}

fn entry(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {name:<12} {text}")
}
