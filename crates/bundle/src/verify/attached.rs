//! What refers to a form: signatures and SBOMs. Anyone who can push may add some, so one that is
//! not as it should be is passed over as long as another is.

use super::fetch;
use super::form::Form;
use crate::MAX_TEXT;
use crate::digest::Digest;
use crate::error::{Error, Result, refused};
use crate::manifest::{Descriptor, Manifest, check_digest};
use crate::origin::Origin;
use crate::sbom::{self, MAX_SBOM, Sbom};
use crate::signature::{self, PublicKey, Statement};

/// Of each kind, so that nobody keeps us busy.
const MOST: usize = 16;

pub(super) struct Attached<'a, O> {
    origin: &'a O,
    subject: Digest,
    listed: Vec<Descriptor>,
}

impl<'a, O: Origin> Attached<'a, O> {
    pub(super) fn list(origin: &'a O, subject: Digest) -> Result<Self> {
        Ok(Self {
            origin,
            subject,
            listed: origin.referrers(subject)?,
        })
    }

    /// What the key's owner states of this module, in this form.
    pub(super) fn signature(
        &self,
        key: &PublicKey,
        module: &[u8],
        form: Form,
    ) -> Result<Statement> {
        self.first(
            "signature",
            signature::MEDIA_TYPE,
            MAX_TEXT,
            |_, content| {
                let text =
                    str::from_utf8(content).map_err(|_| refused("the signature is not text"))?;
                let comment = key.verify(text, module)?;
                let statement: Statement = comment
                    .parse()
                    .map_err(|problem| refused(format!("the signature's comment: {problem}")))?;
                let named = match form {
                    Form::Image => statement.image,
                    Form::Wasm => statement.wasm,
                };
                if named != self.subject {
                    return Err(refused(format!(
                        "the signature is for another {form}: expected {}, found {named}",
                        self.subject
                    )));
                }
                Ok(statement)
            },
        )
    }

    /// The digest of the module's SBOM, and how many crates that lists.
    pub(super) fn sbom(
        &self,
        module: Digest,
        signed: Option<&Statement>,
    ) -> Result<(Digest, usize)> {
        self.first("SBOM", sbom::MEDIA_TYPE, MAX_SBOM, |digest, content| {
            if let Some(statement) = signed.filter(|statement| statement.sbom != digest) {
                return Err(refused(format!(
                    "the SBOM is not the one that was signed: expected {}, found {digest}",
                    statement.sbom
                )));
            }
            let sbom = Sbom::parse(content)?;
            sbom.check_module(module)?;
            Ok((digest, sbom.crates()))
        })
    }

    /// The first of a type that is as it should be; else why the last of them is not.
    fn first<T>(
        &self,
        what: &str,
        media_type: &str,
        most: u64,
        check: impl Fn(Digest, &[u8]) -> Result<T>,
    ) -> Result<T> {
        let fits = |listed: &&Descriptor| listed.artifact_type.as_deref() == Some(media_type);
        let mut outcome = Err(refused(format!("{} has no {what}", self.subject)));
        for listed in self.listed.iter().filter(fits).take(MOST) {
            let content = self.content(what, listed, media_type, most);
            outcome = content.and_then(|(digest, content)| check(digest, &content));
            // A registry that can't be reached says nothing of any of them.
            if matches!(outcome, Ok(_) | Err(Error::Failed(_))) {
                break;
            }
        }
        outcome
    }

    fn content(
        &self,
        what: &str,
        listed: &Descriptor,
        media_type: &str,
        most: u64,
    ) -> Result<(Digest, Vec<u8>)> {
        let content = self.origin.manifest(listed.digest)?;
        check_digest(&format!("the {what}'s manifest"), listed.digest, &content)?;
        let manifest = Manifest::parse(listed.digest, &content)?;
        let subject = manifest.subject.as_ref().map(|subject| subject.digest);
        if subject != Some(self.subject) {
            let found = subject.map_or("none".to_owned(), |digest| digest.to_string());
            return Err(refused(format!(
                "the {what} is of another manifest: expected {}, found {found}",
                self.subject
            )));
        }
        let layer = manifest.layer(listed.digest, media_type)?;
        let content = fetch(self.origin, &format!("the {what}"), layer, most)?;
        Ok((layer.digest, content))
    }
}
