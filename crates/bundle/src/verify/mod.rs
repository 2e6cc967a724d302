//! Whether what a registry has under a digest is a bundle of ours: every byte is held against the
//! digest that leads to it, from the one that the caller knows; then what they say is compared.

mod attached;
pub(crate) mod file;
pub(crate) mod form;
#[cfg(test)]
mod tests;

use crate::digest::Digest;
use crate::error::{Result, refused};
use crate::manifest::Descriptor;
use crate::origin::Origin;
use crate::registry::Repository;
use crate::signature::PublicKey;
use attached::Attached;
use form::Form;

/// What was found to be so.
pub struct Verified {
    /// Which of the two it is.
    pub form: Form,
    /// The digest of the module's file.
    pub module: Digest,
    /// The digest of its bill of materials.
    pub sbom: Digest,
    /// How many crates that lists.
    pub crates: usize,
    /// The version that is signed; none where there was no key to check a signature with.
    pub signed: Option<String>,
}

/// Looks at a manifest, its config and layer, its SBOM and, with a key, its signature.
///
/// # Errors
/// Refused if anything is not what it should be, or the module not `expected`; else when it can't
/// be had.
pub fn verify(
    repository: &Repository,
    digest: Digest,
    key: Option<&PublicKey>,
    expected: Option<&[u8]>,
) -> Result<Verified> {
    look(repository, digest, key, expected)
}

pub(crate) fn look(
    origin: &impl Origin,
    digest: Digest,
    key: Option<&PublicKey>,
    expected: Option<&[u8]>,
) -> Result<Verified> {
    let (form, content) = form::module(origin, digest)?;
    if !content.starts_with(b"\0asm") {
        return Err(refused(format!(
            "what {digest} holds is no WebAssembly module"
        )));
    }
    let module = Digest::of(&content);
    if let Some(expected) = expected.filter(|expected| *expected != content) {
        return Err(refused(format!(
            "the file is another module than that of {digest}: expected {module}, found {}",
            Digest::of(expected)
        )));
    }
    let attached = Attached::list(origin, digest)?;
    let statement = key
        .map(|key| attached.signature(key, &content, form))
        .transpose()?;
    let (sbom, crates) = attached.sbom(module, statement.as_ref())?;
    Ok(Verified {
        form,
        module,
        sbom,
        crates,
        signed: statement.map(|statement| statement.version.to_string()),
    })
}

/// A blob, whole and as described.
fn fetch(origin: &impl Origin, what: &str, of: &Descriptor, most: u64) -> Result<Vec<u8>> {
    if of.size > most {
        return Err(refused(format!(
            "{what} {} is said to have {} bytes, and {most} are allowed",
            of.digest, of.size
        )));
    }
    let content = origin.blob(of.digest, of.size)?;
    of.check(what, &content)?;
    Ok(content)
}
