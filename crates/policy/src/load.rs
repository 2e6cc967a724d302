//! Reads rule files from a directory. The only I/O of this crate.

use crate::Source;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// Largest rule file, in bytes. 100,000 keys take about 20 MiB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A file or directory that could not be read.
#[derive(Debug)]
pub struct LoadError {
    path: PathBuf,
    problem: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for LoadError {}

/// Reads every `*.yaml` and `*.yml` below a directory, in the order of their paths.
///
/// Names that begin with a dot are skipped and symbolic links followed, each directory once:
/// so a mounted ConfigMap (`rules.yaml -> ..data/rules.yaml`) is read once.
///
/// # Errors
/// The first file or directory that can't be read, is not UTF-8, is too large or has its extension
/// in upper case; or the directory itself, when there is no rule file in it: an empty mount must
/// not look like a policy without keys.
pub fn load(directory: &Path) -> Result<Vec<Source>, LoadError> {
    let mut paths = Vec::new();
    collect(directory, &mut BTreeSet::new(), &mut paths)?;
    if paths.is_empty() {
        return Err(failed(directory, "no *.yaml or *.yml file in it"));
    }
    paths.iter().map(|path| read(path)).collect()
}

fn collect(
    directory: &Path,
    visited: &mut BTreeSet<PathBuf>,
    paths: &mut Vec<PathBuf>,
) -> Result<(), LoadError> {
    let wrap = |error: io::Error| failed(directory, error);
    if !visited.insert(directory.canonicalize().map_err(wrap)?) {
        return Ok(());
    }
    let mut entries = fs::read_dir(directory)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(wrap)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // Follows links, unlike `DirEntry::metadata`.
        let metadata = fs::metadata(&path).map_err(|error| failed(&path, error))?;
        if metadata.is_dir() {
            collect(&path, visited, paths)?;
        } else if is_rule_file(&path)? {
            check_file(&path, &metadata)?;
            paths.push(path);
        }
    }
    Ok(())
}

/// A name that only looks like a rule file's is a mistake: its rules would not be in force.
fn is_rule_file(path: &Path) -> Result<bool, LoadError> {
    let Some(extension) = path.extension() else {
        return Ok(false);
    };
    let known = ["yaml", "yml"];
    if known.iter().any(|known| extension == *known) {
        return Ok(true);
    }
    if known.iter().any(|it| extension.eq_ignore_ascii_case(it)) {
        let problem = "read are *.yaml and *.yml, in lower case: rename it";
        return Err(failed(path, problem));
    }
    Ok(false)
}

fn check_file(path: &Path, metadata: &fs::Metadata) -> Result<(), LoadError> {
    if !metadata.is_file() {
        return Err(failed(path, "not a regular file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(failed(path, format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Source, LoadError> {
    let bytes = fs::read(path).map_err(|error| failed(path, error))?;
    let text = str::from_utf8(&bytes)
        .map_err(|error| failed(path, format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
    Ok(Source {
        name: path.display().to_string(),
        text,
    })
}

fn failed(path: &Path, problem: impl fmt::Display) -> LoadError {
    LoadError {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}
