//! Writes files so that a reader sees the old content or the new, never a part.

use anyhow::{Context, bail};
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes to a temporary file beside `path`, flushes it to disk, then renames it into place.
///
/// # Errors
/// When the directory can't be written, or `path` is a device or directory, which the rename
/// would replace or refuse.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        bail!(
            "{} is not a regular file (standard output is `-o -`)",
            path.display()
        );
    }
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let write = || {
        // As any new file: the proxy may run as another user.
        let mut file = tempfile::Builder::new()
            .prefix(".tollgate-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        std::io::Result::Ok(())
    };
    write().with_context(|| format!("can't write {}", path.display()))
}
