//! Writes files so that a reader sees the old content or the new, never a part.

use anyhow::{Context, bail};
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes to a temporary file beside `path`, flushes it to disk, then renames it into place. A
/// file that is replaced hands on its mode: what was private stays private.
///
/// If the process is killed, a file `.tollgate-*` may stay behind. It does no harm: Envoy reads
/// only the files that its configuration names, when something is renamed into their folder.
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
        let replaced = permissions(path)?;
        // As any new file: the proxy may run as another user.
        let mode = replaced.clone().unwrap_or(Permissions::from_mode(0o666));
        let mut file = tempfile::Builder::new()
            .prefix(".tollgate-")
            .permissions(mode)
            .tempfile_in(directory)?;
        if let Some(exact) = replaced {
            // Whatever the umask has taken from it.
            file.as_file().set_permissions(exact)?;
        }
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        io::Result::Ok(())
    };
    write().with_context(|| format!("can't write {}", path.display()))
}

/// Those of the file at `path`, if there is one.
fn permissions(path: &Path) -> io::Result<Option<Permissions>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.permissions())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_hands_on_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module.json");
        for mode in [0o600, 0o664, 0o666] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            write_file(&path, b"new").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
            let found = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(found & 0o7777, mode, "{found:o}");
        }
    }
}
