//! The module as an OCI artifact, named by its digest.
//!
//! [`Bundle::build`] makes one from the module's bytes, [`Built::write`] and [`Bundle::read`] keep
//! it in a folder (an OCI image layout), [`push`] takes it to a registry. [`verify`](verify()) looks
//! at what a registry has, [`verify_file`] at a file that is mounted somewhere; [`resolve`] says what
//! any image's tag names. Nothing that is read is believed: sizes are bounded, and every byte is held against a digest.

mod bundle;
mod digest;
mod error;
mod layer;
mod layout;
mod manifest;
mod origin;
mod push;
mod reference;
mod registry;
mod sbom;
mod signature;
mod verify;
mod version;

pub use bundle::{Built, Bundle, Forms};
pub use digest::Digest;
pub use error::{Error, Result};
pub use push::{Pushed, push};
pub use reference::{Location, Pinned, Tagged, Target};
pub use registry::resolve::resolve;
pub use registry::{Access, Repository};
pub use sbom::{Sbom, Source};
pub use signature::{PublicKey, SIGNATURE_FILE, SigningKey};
pub use verify::{Verified, file::Proof, file::verify_file, form::Form, verify};
pub use version::Version;

use anyhow::Context;
use error::refused;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Larger than any module that we could build: what is beyond it is refused, not read.
pub const MAX_MODULE: u64 = 64 << 20;
/// Signatures, keys and what else is a page of text.
const MAX_TEXT: u64 = 64 << 10;

/// Reads a module.
///
/// # Errors
/// When the file can't be read; refused if it is none, is larger than [`MAX_MODULE`] or does not
/// begin as a WebAssembly module does.
pub fn read_module(path: &Path) -> Result<Vec<u8>> {
    let module = read_at_most(path, MAX_MODULE)?;
    if !module.starts_with(b"\0asm") {
        return Err(refused(format!(
            "{} is no WebAssembly module: it does not begin with `\\0asm`",
            path.display()
        )));
    }
    Ok(module)
}

/// Reads a signature or a key.
///
/// # Errors
/// When the file can't be read; refused if it is none, is longer than 64 KiB or not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read_at_most(path, MAX_TEXT)?)
        .map_err(|_| refused(format!("{} is not text", path.display())))
}

fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>> {
    let shown = path.display();
    let unreadable = || format!("can't read {shown}");
    // A pipe would be waited for, if nobody ever writes to it.
    if !fs::metadata(path).with_context(unreadable)?.is_file() {
        return Err(refused(format!("{shown} is not a regular file")));
    }
    let read = || {
        let mut content = Vec::new();
        let file = File::open(path)?;
        file.take(most + 1).read_to_end(&mut content)?;
        std::io::Result::Ok(content)
    };
    let content = read().with_context(unreadable)?;
    if content.len() as u64 > most {
        return Err(refused(format!("{shown} is larger than {most} bytes")));
    }
    Ok(content)
}
