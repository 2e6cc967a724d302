//! A bundle: two forms of the same module, and what hangs on each of them.
//!
//! - the *image*: for Kubernetes image volumes, Istio and Envoy Gateway ([`crate::layer`]). It is an
//!   index with one manifest for each architecture that nodes have, all of the same layer;
//! - the *wasm* form: the CNCF's Wasm OCI artifact, for `wkg` and other tools for Wasm. Its config
//!   has the fields that `wkg` reads (`WasmConfig` in bytecodealliance/rust-oci-wasm, src/config.rs):
//!   a module is of the system `wasip1`, and `layerDigests` keeps equal configs apart.
//!
//! Both have the SBOM and, if there is a key, the signature as referrers (image-spec 1.1,
//! `subject`). The same module, version and sources give the same digests on every machine; only a
//! signature, which has randomness in it, is new each time.

use crate::digest::Digest;
use crate::error::{Error, Result, refused};
use crate::layer::{self, FILE};
use crate::manifest::{
    Descriptor, Document, EMPTY, EMPTY_CONTENT, IMAGE_CONFIG, IMAGE_LAYER, INDEX, Index, MANIFEST,
    Manifest, Platform, REF_NAME, TITLE, VERSION, WASM_CONFIG, WASM_LAYER, to_json,
};
use crate::origin::Origin;
use crate::sbom::{self, Sbom};
use crate::signature::{self, SIGNATURE_FILE, SigningKey, Statement};
use crate::version::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// WebAssembly has no platform, but a node's runtime takes no image of another than its own:
/// containerd fetches it without unpacking (`unpack` in containerd/containerd,
/// core/unpack/unpacker.go), and an image volume would have nothing to mount.
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];
const OS: &str = "linux";
/// Time has no part in a build; formats that want one get the epoch.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

/// All blobs by their digest, and the index that names the manifests among them.
pub struct Bundle {
    pub(crate) index: Index,
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) forms: Forms,
}

/// A bundle that was just made.
pub struct Built {
    pub(crate) bundle: Bundle,
    /// The digests that identify it.
    pub forms: Forms,
    /// The digest of its bill of materials.
    pub sbom: Digest,
    /// The text of its signature, in minisign's format.
    pub signature: Option<String>,
}

/// What there is to refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forms {
    /// The image's index.
    pub image: Digest,
    /// The Wasm artifact's manifest.
    pub wasm: Digest,
}

/// The config of an image (image-spec, config.md).
#[derive(Serialize, Deserialize)]
pub(crate) struct ImageConfig {
    #[serde(default)]
    created: String,
    pub(crate) architecture: String,
    pub(crate) os: String,
    pub(crate) rootfs: RootFs,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RootFs {
    r#type: String,
    pub(crate) diff_ids: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WasmConfig {
    #[serde(default)]
    created: String,
    pub(crate) architecture: String,
    pub(crate) os: String,
    pub(crate) layer_digests: Vec<Digest>,
}

impl Bundle {
    /// Makes one.
    ///
    /// # Errors
    /// When the key can't sign.
    pub fn build(
        module: &[u8],
        version: &Version,
        sbom: &Sbom,
        key: Option<&SigningKey>,
    ) -> Result<Built> {
        let mut parts = Parts::default();
        let image = parts.image(module, version)?;
        let wasm = parts.wasm(module, version)?;
        let sbom = parts.keep(sbom::MEDIA_TYPE, &to_json(sbom)?);
        let sbom = sbom.annotated(TITLE, "sbom.cdx.json");
        let forms = Forms {
            image: image.digest,
            wasm: wasm.digest,
        };
        let statement = Statement {
            version: version.clone(),
            module: Digest::of(module),
            image: forms.image,
            wasm: forms.wasm,
            sbom: sbom.digest,
        };
        let signature = key.map(|key| key.sign(module, &statement)).transpose()?;
        let mut attached = vec![sbom];
        if let Some(text) = &signature {
            let kept = parts.keep(signature::MEDIA_TYPE, text.as_bytes());
            attached.push(kept.annotated(TITLE, SIGNATURE_FILE));
        }
        let mut manifests = vec![
            image.clone().annotated(REF_NAME, version.to_string()),
            wasm.clone().annotated(REF_NAME, version.wasm_tag()),
        ];
        for subject in [image, wasm] {
            for layer in &attached {
                manifests.push(parts.referrer(&subject, layer)?);
            }
        }
        let bundle = Self {
            index: Index::new(manifests),
            blobs: parts.blobs,
            forms,
        };
        Ok(Built {
            bundle,
            forms,
            sbom: statement.sbom,
            signature,
        })
    }

    pub(crate) fn content(&self, digest: Digest) -> Result<&[u8]> {
        let content = self.blobs.get(&digest).map(Vec::as_slice);
        content.ok_or_else(|| refused(format!("the bundle has no {digest}")))
    }

    /// The image's index.
    pub(crate) fn image(&self) -> Result<Index> {
        let image = self.forms.image;
        match Document::parse(image, self.content(image)?)? {
            Document::Index(index) => Ok(index),
            Document::Manifest(_) => Err(refused(format!("{image} is no image's index"))),
        }
    }

    /// What its image says of itself.
    pub(crate) fn version(&self) -> Result<Version> {
        let image = self.image()?;
        let version = image.annotations.get(VERSION);
        let version = version.ok_or_else(|| refused("the bundle's image has no version"))?;
        version.parse().map_err(Error::Refused)
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

/// Those that an image has, in the order of its index.
pub(crate) fn platforms() -> impl Iterator<Item = Platform> {
    ARCHITECTURES.iter().map(|architecture| Platform {
        architecture: (*architecture).to_owned(),
        os: OS.to_owned(),
    })
}

#[derive(Default)]
struct Parts {
    blobs: BTreeMap<Digest, Vec<u8>>,
}

impl Parts {
    fn keep(&mut self, media_type: &str, content: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, content);
        self.blobs.insert(descriptor.digest, content.to_vec());
        descriptor
    }

    fn image(&mut self, module: &[u8], version: &Version) -> Result<Descriptor> {
        let packed = layer::pack(module)?;
        let layer = self.keep(IMAGE_LAYER, &packed.content);
        let mut manifests = Vec::new();
        for platform in platforms() {
            let config = to_json(&ImageConfig {
                created: NO_TIME.to_owned(),
                architecture: platform.architecture.clone(),
                os: platform.os.clone(),
                rootfs: RootFs {
                    r#type: "layers".to_owned(),
                    diff_ids: vec![packed.diff_id],
                },
            })?;
            let config = self.keep(IMAGE_CONFIG, &config);
            let manifest = to_json(&Manifest::new(config, layer.clone()))?;
            manifests.push(Descriptor {
                platform: Some(platform),
                ..self.keep(MANIFEST, &manifest)
            });
        }
        let mut index = Index::new(manifests);
        let version = version.to_string();
        index.annotations.insert(VERSION.to_owned(), version);
        Ok(self.keep(INDEX, &to_json(&index)?))
    }

    fn wasm(&mut self, module: &[u8], version: &Version) -> Result<Descriptor> {
        let layer = self.keep(WASM_LAYER, module).annotated(TITLE, FILE);
        let config = to_json(&WasmConfig {
            created: NO_TIME.to_owned(),
            architecture: "wasm".to_owned(),
            os: "wasip1".to_owned(),
            layer_digests: vec![layer.digest],
        })?;
        let config = self.keep(WASM_CONFIG, &config);
        let mut manifest = Manifest::new(config, layer);
        let version = version.to_string();
        manifest.annotations.insert(VERSION.to_owned(), version);
        Ok(self.keep(MANIFEST, &to_json(&manifest)?))
    }

    /// Its descriptor says of which type it is, as lists of referrers do (distribution-spec,
    /// "Listing Referrers").
    fn referrer(&mut self, subject: &Descriptor, layer: &Descriptor) -> Result<Descriptor> {
        let mut manifest = Manifest::new(self.keep(EMPTY, EMPTY_CONTENT), layer.clone());
        manifest.artifact_type = Some(layer.media_type.clone());
        manifest.subject = Some(subject.clone());
        let kept = self.keep(MANIFEST, &to_json(&manifest)?);
        Ok(Descriptor {
            artifact_type: manifest.artifact_type,
            ..kept
        })
    }
}
