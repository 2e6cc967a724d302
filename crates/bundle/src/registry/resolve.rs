//! What a tag names now.

use super::{Access, Repository, read, unexpected};
use crate::digest::Digest;
use crate::error::{Result, refused, shown};
use crate::manifest::{INDEX, MANIFEST, MAX_MANIFEST};
use crate::reference::Tagged;
use serde::Deserialize;
use serde::de::IgnoredAny;
use ureq::http::{Method, header};

/// What Docker wrote before there was a specification, and many images still are.
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The digest to pull an image by, whatever its tag will name later: of an image for several
/// platforms that of its index, so that every node finds its own.
///
/// # Errors
/// When the registry can't be reached; refused if it has no such tag, if what it answers is no
/// image, or if it says that the content has another digest than it has.
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
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok());
    check(&content, kind).map_err(|why| refused(format!("{tagged} is no image: {why}")))?;
    let digest = Digest::of(&content);
    let said = answer.headers().get("docker-content-digest");
    match said.and_then(|value| value.to_str().ok()) {
        Some(said) if said != digest.to_string() => Err(refused(format!(
            "{tagged} is said to be {}, and is {digest}",
            shown(said)
        ))),
        _ => Ok(digest),
    }
}

/// What manifests and indexes have in common, and what tells them apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    schema_version: u64,
    media_type: Option<String>,
    config: Option<IgnoredAny>,
    layers: Option<Vec<IgnoredAny>>,
    manifests: Option<Vec<IgnoredAny>>,
}

/// A proxy's page has a digest too. `content_type` tells where the content itself does not (its
/// `mediaType` may be left out: image-spec, manifest.md).
fn check(content: &[u8], content_type: Option<&str>) -> std::result::Result<(), String> {
    let image: Image =
        serde_json::from_slice(content).map_err(|error| format!("it can't be read: {error}"))?;
    if image.schema_version != 2 {
        return Err(format!(
            "its schemaVersion is {}, not 2",
            image.schema_version
        ));
    }
    let kind = image.media_type.as_deref().or(content_type);
    let kind = kind.unwrap_or_default().split(';').next();
    let kind = kind.unwrap_or_default().trim();
    // Never both: nodes could take it for one or the other.
    let is_manifest = image.config.is_some() && image.layers.is_some();
    let fits = match kind {
        MANIFEST | DOCKER_MANIFEST => is_manifest && image.manifests.is_none(),
        INDEX | DOCKER_INDEX => {
            image.manifests.is_some() && image.config.is_none() && image.layers.is_none()
        }
        _ => return Err(format!("it is of type `{}`", shown(kind))),
    };
    if fits {
        return Ok(());
    }
    Err(format!("it has not the fields of its type, `{kind}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_and_indexes_are_images() {
        let manifest = r#""config": {"digest": "a"}, "layers": [{}]"#;
        for (kind, fields) in [
            (MANIFEST, manifest),
            (DOCKER_MANIFEST, manifest),
            (INDEX, r#""manifests": [{}]"#),
            (DOCKER_INDEX, r#""manifests": []"#),
        ] {
            let typed = format!(r#"{{"schemaVersion": 2, "mediaType": "{kind}", {fields}}}"#);
            assert_eq!(check(typed.as_bytes(), None), Ok(()), "{kind}");
            let bare = format!(r#"{{"schemaVersion": 2, {fields}}}"#);
            let said = format!("{kind}; charset=utf-8");
            assert_eq!(check(bare.as_bytes(), Some(&said)), Ok(()), "{kind}");
        }
    }

    #[test]
    fn other_answers_are_none() {
        for (content, kind, why) in [
            (
                "",
                MANIFEST,
                "it can't be read: EOF while parsing a value at line 1 column 0",
            ),
            (
                "<html>",
                MANIFEST,
                "it can't be read: expected value at line 1 column 1",
            ),
            (
                "{}",
                MANIFEST,
                "it can't be read: missing field `schemaVersion` at line 1 column 2",
            ),
            (
                r#"{"schemaVersion": 1}"#,
                MANIFEST,
                "its schemaVersion is 1, not 2",
            ),
            (
                r#"{"schemaVersion": 2}"#,
                "application/json",
                "it is of type `application/json`",
            ),
            (
                r#"{"schemaVersion": 2, "layers": []}"#,
                MANIFEST,
                "it has not the fields of its type, `application/vnd.oci.image.manifest.v1+json`",
            ),
            (
                r#"{"schemaVersion": 2, "manifests": [], "config": {}, "layers": []}"#,
                INDEX,
                "it has not the fields of its type, `application/vnd.oci.image.index.v1+json`",
            ),
        ] {
            assert_eq!(check(content.as_bytes(), Some(kind)), Err(why.to_owned()));
        }
    }
}
