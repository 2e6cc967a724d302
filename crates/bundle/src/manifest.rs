//! Manifests, indexes and descriptors, as far as we write and read them
//! (opencontainers/image-spec 1.1: manifest.md, image-index.md, descriptor.md).
//!
//! Fields stand in the order in which they are written, so equal values are equal bytes.

use crate::digest::Digest;
use crate::error::{Result, refused, shown};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const IMAGE_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The two of the CNCF's Wasm OCI artifact layout, version 0
/// (tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact).
pub(crate) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(crate) const WASM_LAYER: &str = "application/wasm";
/// A config that says nothing: `{}` (image-spec, "Guidance for an Empty Descriptor").
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const EMPTY_CONTENT: &[u8] = b"{}";

/// Registries need not take more (distribution-spec, "Pushing Manifests").
pub(crate) const MAX_MANIFEST: u64 = 4 << 20;

pub(crate) const VERSION: &str = "org.opencontainers.image.version";
pub(crate) const TITLE: &str = "org.opencontainers.image.title";
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

pub(crate) type Annotations = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: Annotations,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    pub(crate) architecture: String,
    pub(crate) os: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u8,
    pub(crate) media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: Annotations,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u8,
    pub(crate) media_type: String,
    pub(crate) manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: Annotations,
}

/// What a digest can name beside a blob.
pub(crate) enum Document {
    Manifest(Box<Manifest>),
    Index(Index),
}

impl Descriptor {
    pub(crate) fn of(media_type: &str, content: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(content),
            size: content.len() as u64,
            artifact_type: None,
            platform: None,
            annotations: Annotations::new(),
        }
    }

    pub(crate) fn annotated(mut self, name: &str, value: impl Into<String>) -> Self {
        self.annotations.insert(name.to_owned(), value.into());
        self
    }

    /// Whether these are the bytes that it describes. `what` they are is for the message.
    pub(crate) fn check(&self, what: &str, content: &[u8]) -> Result<()> {
        check_digest(what, self.digest, content)?;
        if self.size != content.len() as u64 {
            return Err(refused(format!(
                "{what} {}: expected {} bytes, found {}",
                self.digest,
                self.size,
                content.len()
            )));
        }
        Ok(())
    }
}

pub(crate) fn check_digest(what: &str, expected: Digest, content: &[u8]) -> Result<()> {
    let found = Digest::of(content);
    if found == expected {
        return Ok(());
    }
    Err(refused(format!(
        "{what}: expected {expected}, found {found}"
    )))
}

impl Manifest {
    pub(crate) fn new(config: Descriptor, layer: Descriptor) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: None,
            config,
            layers: vec![layer],
            subject: None,
            annotations: Annotations::new(),
        }
    }

    /// Parses bytes whose digest has been checked.
    pub(crate) fn parse(digest: Digest, content: &[u8]) -> Result<Self> {
        match Document::parse(digest, content)? {
            Document::Manifest(manifest) => Ok(*manifest),
            Document::Index(_) => Err(refused(format!(
                "the manifest {digest} is of type `{INDEX}`, not `{MANIFEST}`"
            ))),
        }
    }

    /// The one layer that each of our manifests has.
    pub(crate) fn layer(&self, digest: Digest, media_type: &str) -> Result<&Descriptor> {
        match self.layers.as_slice() {
            [layer] if layer.media_type == media_type => Ok(layer),
            [layer] => Err(refused(format!(
                "the layer of {digest} is of type `{}`, not `{media_type}`",
                shown(&layer.media_type)
            ))),
            layers => Err(refused(format!(
                "{digest} has {} layers, not the one of type `{media_type}`",
                layers.len()
            ))),
        }
    }
}

impl Index {
    pub(crate) fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: INDEX.to_owned(),
            manifests,
            annotations: Annotations::new(),
        }
    }
}

impl Document {
    /// Parses bytes whose digest has been checked.
    pub(crate) fn parse(digest: Digest, content: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed {
            media_type: String,
        }
        let wrong = |error| refused(format!("the manifest {digest} can't be read: {error}"));
        let Typed { media_type } = serde_json::from_slice(content).map_err(wrong)?;
        let parsed = match &*media_type {
            MANIFEST => serde_json::from_slice(content).map(|it| Self::Manifest(Box::new(it))),
            INDEX => serde_json::from_slice(content).map(Self::Index),
            other => {
                return Err(refused(format!(
                    "the manifest {digest} is of type `{}`, neither `{MANIFEST}` nor `{INDEX}`",
                    shown(other)
                )));
            }
        };
        parsed.map_err(wrong)
    }
}

/// As bytes: no white space, fields in the order of their type, annotations sorted.
pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}
