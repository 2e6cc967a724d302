//! Whether a file is the module that it should be: what runs before an Envoy is given it. Nothing
//! but the file and what is known beforehand has a part in it; no network has.

use crate::digest::Digest;
use crate::error::{Result, refused, shown};
use crate::signature::{PublicKey, Statement};

/// What is known of the module. At least one of them should be.
#[derive(Default)]
pub struct Proof {
    /// Its digest.
    pub sha256: Option<Digest>,
    /// A signature in minisign's format, and the key that it should be by.
    pub signature: Option<(String, PublicKey)>,
}

/// The module's digest, and the signature's trusted comment where there is one, safe to print.
///
/// # Errors
/// Refused if it is another module, or not signed by that key.
pub fn verify_file(module: &[u8], proof: &Proof) -> Result<(Digest, Option<String>)> {
    let found = Digest::of(module);
    if let Some(expected) = proof.sha256.filter(|expected| *expected != found) {
        return Err(refused(format!(
            "the module is another one: expected {expected}, found {found}"
        )));
    }
    let Some((signature, key)) = &proof.signature else {
        return Ok((found, None));
    };
    let comment = key.verify(signature, module)?;
    match comment.parse::<Statement>() {
        Ok(statement) if statement.module != found => Err(refused(format!(
            "the signature names another module: expected {}, found {found}",
            statement.module
        ))),
        Ok(statement) => Ok((found, Some(statement.to_string()))),
        // Operators may sign with `minisign` too: then the comment is theirs.
        Err(_) => Ok((found, Some(shown(&comment)))),
    }
}
