//! A registry of one's own: the distribution project's, as companies run it.

use crate::child;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) struct Registry {
    server: Child,
    folder: TempDir,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
}

impl Registry {
    /// None where this machine can have none, which `scripts/registry` has said then.
    pub(crate) fn start() -> Option<Self> {
        Self::with("")
    }

    /// `more` is further configuration, in YAML.
    pub(crate) fn with(more: &str) -> Option<Self> {
        let program = std::env::var_os("TOLLGATE_REGISTRY").expect(
            "TOLLGATE_REGISTRY is not set: `make test` sets it, to what `scripts/registry` prints",
        );
        if program.is_empty() {
            return None;
        }
        let program = PathBuf::from(program);
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let storage = folder.path().join("storage");
        let config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {address}}}\n{more}",
            storage.display()
        );
        let file = folder.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let server = child::command(&program)
            .arg("serve")
            .arg(&file)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut registry = Self {
            server,
            folder,
            address,
        };
        registry.wait();
        Some(registry)
    }

    fn wait(&mut self) {
        for _ in 0..1000 {
            if TcpStream::connect(&self.address).is_ok() {
                return;
            }
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert_eq!(self.server.try_wait().unwrap(), None, "{log}");
            sleep(Duration::from_millis(20));
        }
        panic!("the registry does not listen on {}", self.address);
    }

    /// The file that it keeps a blob or a manifest in.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let below = format!("blobs/sha256/{}/{hex}/data", &hex[..2]);
        self.storage().join(below)
    }

    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        let entries = fs::read_dir(self.tags_folder(repository)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// The digest that a tag names.
    pub(crate) fn tagged(&self, repository: &str, tag: &str) -> String {
        let link = self.tags_folder(repository).join(tag).join("current/link");
        fs::read_to_string(link).unwrap()
    }

    fn tags_folder(&self, repository: &str) -> PathBuf {
        let below = format!("repositories/{repository}/_manifests/tags");
        self.storage().join(below)
    }

    fn storage(&self) -> PathBuf {
        self.folder.path().join("storage/docker/registry/v2")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Free a moment ago; the registry takes no port 0.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
