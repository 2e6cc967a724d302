//! What a tag names now.

use super::{Access, Repository, read, unexpected};
use crate::digest::Digest;
use crate::error::{Result, refused};
use crate::manifest::{INDEX, MANIFEST, MAX_MANIFEST};
use crate::reference::Tagged;
use ureq::http::{Method, header};

/// What Docker wrote before there was a specification, and many images still are.
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The digest to pull an image by, whatever its tag will name later: of an image for several
/// platforms that of its index, so that every node finds its own.
///
/// # Errors
/// When the registry can't be reached; refused if it has no such tag, or says that the content has
/// another digest than it has.
pub fn resolve(tagged: &Tagged, plain_http: bool) -> Result<Digest> {
    let repository = Repository::open(&tagged.location, Access::Pull, plain_http)?;
    let url = format!("{}/manifests/{}", repository.base, tagged.tag);
    let accept = [INDEX, DOCKER_INDEX, MANIFEST, DOCKER_MANIFEST].join(", ");
    let mut answer = repository.send(Method::GET, &url, &[(header::ACCEPT, &accept)], None)?;
    match answer.status().as_u16() {
        200 => (),
        404 => {
            return Err(refused(format!(
                "{} has no tag {}",
                tagged.location, tagged.tag
            )));
        }
        _ => return Err(unexpected("GET", &url, &mut answer)),
    }
    // Not as the registry says it, but as a node will check it.
    let content = read(&mut answer, &url, MAX_MANIFEST)?;
    let digest = Digest::of(&content);
    let said = answer.headers().get("docker-content-digest");
    match said.and_then(|value| value.to_str().ok()) {
        Some(said) if said != digest.to_string() => Err(refused(format!(
            "{tagged} is said to be {}, and is {digest}",
            crate::error::shown(said)
        ))),
        _ => Ok(digest),
    }
}
