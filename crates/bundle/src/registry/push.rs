//! A bundle to a registry.
//!
//! The order leaves nothing half done in sight: blobs, then manifests by their digests, those of an
//! index before it, then the lists of referrers, and the tags last.

use super::{Access, Answer, Repository, fallback_tag, unexpected};
use crate::bundle::{Bundle, Forms};
use crate::digest::Digest;
use crate::error::{Error, Result, refused};
use crate::manifest::{Descriptor, Document, INDEX, Index, MANIFEST, VERSION, to_json};
use crate::reference::{Location, Target};
use crate::verify::{Origin, look};
use crate::version::Version;
use anyhow::{Context, anyhow};
use ureq::http::{Method, Uri, header};

/// By which names it can be had now.
pub struct Pushed {
    /// Where it is.
    pub location: Location,
    /// The digests to pull it by.
    pub forms: Forms,
    /// The image's tag; the Wasm form's has `-wasm` after it.
    pub tag: Version,
}

/// Takes all of it to a registry, having looked at it as [`verify`](crate::verify()) does.
///
/// Where the registry has no referrers API, lists of referrers are kept under tags, as the
/// specification wants it. Nothing guards them against another push at the same moment.
///
/// # Errors
/// When the registry can't be reached, or does not take it; refused if the bundle is not sound.
pub fn push(bundle: &Bundle, target: &Target, plain_http: bool) -> Result<Pushed> {
    let Forms { image, wasm } = bundle.forms;
    for form in [image, wasm] {
        look(bundle, form, None, None)?;
    }
    let tag = match &target.tag {
        Some(tag) => tag.clone(),
        None => bundle.version()?,
    };
    let repository = Repository::open(&target.location, Access::Push, plain_http)?;
    let platforms = bundle.image()?.manifests;
    let manifests = bundle.index.manifests.iter().chain(&platforms);
    let manifests: Vec<_> = manifests.map(|listed| listed.digest).collect();
    for (digest, content) in &bundle.blobs {
        if !manifests.contains(digest) {
            repository.put_blob(*digest, content)?;
        }
    }
    for each in platforms.iter().map(|it| it.digest) {
        repository.put_manifest(&each.to_string(), MANIFEST, bundle.content(each)?)?;
    }
    let forms = [
        (INDEX, image, tag.to_string()),
        (MANIFEST, wasm, tag.wasm_tag()),
    ];
    for (media_type, form, _) in &forms {
        repository.put_manifest(&form.to_string(), media_type, bundle.content(*form)?)?;
    }
    for form in [image, wasm] {
        repository.put_referrers(bundle, form)?;
    }
    for (media_type, form, tag) in &forms {
        repository.put_manifest(tag, media_type, bundle.content(*form)?)?;
    }
    Ok(Pushed {
        location: target.location.clone(),
        forms: bundle.forms,
        tag,
    })
}

impl Repository {
    fn put_blob(&self, digest: Digest, content: &[u8]) -> Result<()> {
        let url = format!("{}/blobs/{digest}", self.base);
        if self.send(Method::HEAD, &url, &[], None)?.status() == 200 {
            return Ok(());
        }
        let url = format!("{}/blobs/uploads/", self.base);
        let mut answer = self.send(Method::POST, &url, &[], Some(&[]))?;
        if answer.status() != 202 {
            return Err(unexpected("POST", &url, &mut answer));
        }
        let url = self.upload_url(&answer, digest)?;
        let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
        let mut answer = self.send(Method::PUT, &url, &kind, Some(content))?;
        match answer.status().as_u16() {
            201 => Ok(()),
            _ => Err(unexpected("PUT", &url, &mut answer)),
        }
    }

    /// Where the registry wants the blob: a path of its own, or an address elsewhere.
    fn upload_url(&self, answer: &Answer, digest: Digest) -> Result<String> {
        let location = answer.headers().get(header::LOCATION);
        let location = location.and_then(|value| value.to_str().ok());
        let location = location.context("the registry did not say where to upload to")?;
        let base: Uri = self.base.parse()?;
        let origin = base.scheme_str().zip(base.authority());
        let url = match origin {
            Some((scheme, host)) if location.starts_with('/') => {
                format!("{scheme}://{host}{location}")
            }
            _ => location.to_owned(),
        };
        if !url.starts_with("https://") && !self.is_own(&url) {
            let what = "the registry wants an upload to another host, not encrypted";
            return Err(anyhow!(what).into());
        }
        let joint = if url.contains('?') { '&' } else { '?' };
        Ok(format!("{url}{joint}digest={digest}"))
    }

    /// `name` is a tag or a digest. Whether the registry has noted it as a referrer, it says.
    fn put_manifest(&self, name: &str, media_type: &str, content: &[u8]) -> Result<bool> {
        let url = format!("{}/manifests/{name}", self.base);
        let kind = [(header::CONTENT_TYPE, media_type)];
        let mut answer = self.send(Method::PUT, &url, &kind, Some(content))?;
        if answer.status() != 201 {
            return Err(unexpected("PUT", &url, &mut answer));
        }
        let stored = answer.headers().get("docker-content-digest");
        let stored = stored.and_then(|value| value.to_str().ok()?.parse::<Digest>().ok());
        let expected = Digest::of(content);
        if let Some(found) = stored.filter(|found| *found != expected) {
            return Err(refused(format!(
                "{url} was stored as another: expected {expected}, found {found}"
            )));
        }
        Ok(answer.headers().contains_key("oci-subject"))
    }

    fn put_referrers(&self, bundle: &Bundle, subject: Digest) -> Result<()> {
        let mut unlisted = Vec::new();
        for descriptor in bundle.referrers(subject)? {
            let content = bundle.content(descriptor.digest)?;
            if !self.put_manifest(&descriptor.digest.to_string(), MANIFEST, content)? {
                unlisted.push(descriptor);
            }
        }
        if unlisted.is_empty() {
            return Ok(());
        }
        let tag = fallback_tag(subject);
        let listed = self.list(&format!("manifests/{tag}"))?;
        let mut listed = listed.unwrap_or_default();
        listed.retain(|known| unlisted.iter().all(|new| new.digest != known.digest));
        listed.extend(unlisted);
        self.put_manifest(&tag, INDEX, &to_json(&Index::new(listed))?)?;
        Ok(())
    }
}

/// A bundle can be looked at as a registry can.
impl Origin for Bundle {
    fn manifest(&self, digest: Digest) -> Result<Vec<u8>> {
        self.content(digest).map(<[u8]>::to_vec)
    }

    fn blob(&self, digest: Digest, _: u64) -> Result<Vec<u8>> {
        self.content(digest).map(<[u8]>::to_vec)
    }

    fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>> {
        let mut found = Vec::new();
        for listed in &self.index.manifests {
            let document = Document::parse(listed.digest, self.content(listed.digest)?)?;
            let Document::Manifest(manifest) = document else {
                continue;
            };
            if manifest.subject.is_some_and(|it| it.digest == subject) {
                found.push(listed.clone());
            }
        }
        Ok(found)
    }
}

impl Bundle {
    fn content(&self, digest: Digest) -> Result<&[u8]> {
        let content = self.blobs.get(&digest).map(Vec::as_slice);
        content.ok_or_else(|| refused(format!("the bundle has no {digest}")))
    }

    fn image(&self) -> Result<Index> {
        let image = self.forms.image;
        match Document::parse(image, self.content(image)?)? {
            Document::Index(index) => Ok(index),
            Document::Manifest(_) => Err(refused(format!("{image} is no image's index"))),
        }
    }

    fn version(&self) -> Result<Version> {
        let image = self.image()?;
        let version = image.annotations.get(VERSION);
        let version = version.ok_or_else(|| refused("the bundle's image has no version"))?;
        version.parse().map_err(Error::Refused)
    }
}
