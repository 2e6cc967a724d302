//! Envoy's access log, read as it grows. Each test has a client address of its own, by which its
//! records are found.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// How often and how long to look for a record.
const TICK: Duration = Duration::from_millis(10);
const TICKS: usize = 500;

/// The records of one Envoy.
#[derive(Debug)]
pub struct AccessLog {
    file: PathBuf,
    read: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    offset: u64,
    by_source: HashMap<String, Vec<Value>>,
}

impl AccessLog {
    /// Of this file.
    pub fn new(file: PathBuf) -> Self {
        Self {
            file,
            read: Mutex::default(),
        }
    }

    /// The records of a client address, in the order of their requests: at least `least`, unless
    /// that many don't come in time.
    pub fn of(&self, source: Ipv4Addr, least: usize) -> Result<Vec<Value>> {
        let source = source.to_string();
        let mut records = Vec::new();
        for _ in 0..TICKS {
            records = self.lookup(&source)?;
            if records.len() >= least {
                break;
            }
            sleep(TICK);
        }
        // The sort is stable, and ISO times sort as text.
        records.sort_by_key(|record| record.get("time").map(Value::to_string));
        Ok(records)
    }

    fn lookup(&self, source: &str) -> Result<Vec<Value>> {
        let mut index = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        index.extend(&self.file)?;
        Ok(index.by_source.get(source).cloned().unwrap_or_default())
    }
}

impl Index {
    /// Reads what was added since.
    fn extend(&mut self, path: &PathBuf) -> Result<()> {
        let mut file = File::open(path).with_context(|| path.display().to_string())?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut added = Vec::new();
        file.read_to_end(&mut added)?;
        let whole = memchr::memrchr(b'\n', &added).map_or(0, |at| at + 1);
        for line in added[..whole].split_inclusive(|byte| *byte == b'\n') {
            let record: Value = serde_json::from_slice(line)
                .with_context(|| format!("the access log is not JSON: {}", line.escape_ascii()))?;
            let source = record
                .get("source")
                .and_then(Value::as_str)
                .unwrap_or_default();
            self.by_source
                .entry(source.to_owned())
                .or_default()
                .push(record);
        }
        self.offset += whole as u64;
        Ok(())
    }
}
