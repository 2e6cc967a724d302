//! What is written to a repository: blobs, manifests, and lists of what refers to them.

use super::{Answer, Repository, fallback_tag, unexpected};
use crate::bundle::Bundle;
use crate::digest::Digest;
use crate::error::{Result, refused};
use crate::manifest::{INDEX, Index, MANIFEST, to_json};
use crate::origin::Origin;
use anyhow::{Context, anyhow};
use ureq::http::{Method, Uri, header};

impl Repository {
    pub(crate) fn put_blob(&self, digest: Digest, content: &[u8]) -> Result<()> {
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
    pub(crate) fn put_manifest(
        &self,
        name: &str,
        media_type: &str,
        content: &[u8],
    ) -> Result<bool> {
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

    /// What refers to a manifest of the bundle, and where there is no referrers API its list.
    pub(crate) fn put_referrers(&self, bundle: &Bundle, subject: Digest) -> Result<()> {
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
