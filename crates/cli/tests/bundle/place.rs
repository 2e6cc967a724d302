//! A folder to run the command in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use tollgate_bundle::Digest;

/// The smallest there is.
pub(crate) const MODULE: &[u8] = b"\0asm\x01\0\0\0";
pub(crate) const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

pub(crate) struct Place(TempDir);

impl Place {
    /// With the module, a key pair, and one of somebody else's.
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("module.wasm", MODULE);
        for name in ["ours", "theirs"] {
            place.done(&["bundle", "keygen", "-o", name]);
        }
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    /// Docker's configuration is the folder `docker`, which is not there unless a test writes it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(arguments)
            .current_dir(self.path())
            .env("DOCKER_CONFIG", self.path().join("docker"))
            .output()
            .unwrap()
    }

    /// What it prints when all is well.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        let ended = (output.status.code(), &*said);
        assert_eq!(ended, (Some(0), ""), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says when not, and that it prints nothing else.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        let ended = (output.status.code(), &*output.stdout);
        assert_eq!(ended, (Some(code), &b""[..]), "{arguments:?}: {said}");
        said
    }

    /// Builds version 1.0 into a folder: the digests that it prints, by their names.
    #[track_caller]
    pub(crate) fn build(&self, folder: &str, more: &[&str]) -> BTreeMap<String, String> {
        self.build_version("1.0", folder, more)
    }

    #[track_caller]
    pub(crate) fn build_version(
        &self,
        version: &str,
        folder: &str,
        more: &[&str],
    ) -> BTreeMap<String, String> {
        let build = ["bundle", "build", "--module", "module.wasm", "-o", folder];
        let source = ["--version", version, "--source", CHECKOUT];
        let said = self.done(&[&build[..], &source, more].concat());
        let words = said.lines().map(|line| line.split_once(' ').unwrap());
        let digest = |text: &str| text.trim().split(',').next().unwrap().to_owned();
        words
            .map(|(name, value)| (name.to_owned(), digest(value)))
            .collect()
    }
}

pub(crate) fn digest(content: &[u8]) -> String {
    Digest::of(content).to_string()
}
