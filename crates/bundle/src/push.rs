//! A bundle to a registry.
//!
//! The order leaves nothing half done in sight: blobs, then manifests by their digests, those of an
//! index before it, then the lists of referrers, and the tags last.

use crate::bundle::{Bundle, Forms};
use crate::error::Result;
use crate::manifest::{INDEX, MANIFEST};
use crate::reference::{Location, Target};
use crate::registry::{Access, Repository};
use crate::verify::look;
use crate::version::Version;

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
