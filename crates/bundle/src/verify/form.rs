//! The module that a digest stands for, in either form: whether its manifests, configs and layers
//! are laid out as ours are.

use super::fetch;
use crate::bundle::{ImageConfig, WasmConfig, platforms};
use crate::digest::Digest;
use crate::error::{Result, refused, shown};
use crate::layer;
use crate::manifest::{
    Document, IMAGE_CONFIG, IMAGE_LAYER, Index, Manifest, Platform, WASM_CONFIG, WASM_LAYER,
    check_digest,
};
use crate::origin::Origin;
use crate::{MAX_MODULE, MAX_TEXT};
use serde::de::DeserializeOwned;
use std::fmt;

/// Of an image, for messages: more than ours has, and never many.
const MAX_PLATFORMS: usize = 8;

/// What a bundle has of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For image volumes, Istio and Envoy Gateway.
    Image,
    /// For tools for Wasm.
    Wasm,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Image => "image",
            Self::Wasm => "wasm",
        })
    }
}

/// Which form it is, and the module's bytes.
pub(super) fn module(origin: &impl Origin, digest: Digest) -> Result<(Form, Vec<u8>)> {
    let content = origin.manifest(digest)?;
    check_digest("the manifest", digest, &content)?;
    match Document::parse(digest, &content)? {
        Document::Index(index) => Ok((Form::Image, image(origin, digest, &index)?)),
        Document::Manifest(manifest) => Ok((Form::Wasm, wasm(origin, digest, &manifest)?)),
    }
}

/// One for each platform, all of the same layer.
fn image(origin: &impl Origin, digest: Digest, index: &Index) -> Result<Vec<u8>> {
    check_platforms(digest, index)?;
    let mut manifests = Vec::new();
    for listed in &index.manifests {
        let content = origin.manifest(listed.digest)?;
        listed.check("the manifest", &content)?;
        manifests.push(Manifest::parse(listed.digest, &content)?);
    }
    let listed = index.manifests.iter().zip(&manifests);
    let layers = listed.map(|(listed, manifest)| manifest.layer(listed.digest, IMAGE_LAYER));
    let layers = layers.collect::<Result<Vec<_>>>()?;
    let Some((layer, others)) = layers.split_first() else {
        return Err(refused(format!("the image {digest} is empty")));
    };
    if let Some(other) = others.iter().find(|other| *other != layer) {
        return Err(refused(format!(
            "the image {digest} is not the same on every platform: {} and {}",
            layer.digest, other.digest
        )));
    }
    let (module, diff_id) = layer::unpack(&fetch(origin, "the layer", layer, MAX_MODULE)?)?;
    for (manifest, platform) in manifests.iter().zip(platforms()) {
        let config = config(origin, manifest, IMAGE_CONFIG)?;
        check_config(&config, diff_id, &platform)?;
    }
    Ok(module)
}

fn check_platforms(digest: Digest, index: &Index) -> Result<()> {
    let named = |platforms: &[Option<Platform>]| {
        let name = |it: &Option<Platform>| match it {
            Some(Platform { os, architecture }) => format!("{}/{}", shown(os), shown(architecture)),
            None => "none".to_owned(),
        };
        platforms.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let listed = index.manifests.iter().take(MAX_PLATFORMS);
    let found: Vec<_> = listed.map(|listed| listed.platform.clone()).collect();
    let expected: Vec<_> = platforms().map(Some).collect();
    if found == expected {
        return Ok(());
    }
    Err(refused(format!(
        "the image {digest} is for the platforms {}, not for {}",
        named(&found),
        named(&expected)
    )))
}

fn check_config(config: &ImageConfig, diff_id: Digest, platform: &Platform) -> Result<()> {
    if config.rootfs.diff_ids != [diff_id] {
        return Err(refused(format!(
            "the image's config is of other layers: expected {diff_id}, found {:?}",
            config.rootfs.diff_ids
        )));
    }
    // Another platform's would be fetched by a node and not be unpacked.
    if (&config.os, &config.architecture) != (&platform.os, &platform.architecture) {
        return Err(refused(format!(
            "the image's config is for {}/{}, not for {}/{}",
            shown(&config.os),
            shown(&config.architecture),
            platform.os,
            platform.architecture
        )));
    }
    Ok(())
}

fn wasm(origin: &impl Origin, digest: Digest, manifest: &Manifest) -> Result<Vec<u8>> {
    if manifest.config.media_type != WASM_CONFIG {
        return Err(refused(format!(
            "{digest} is neither an image's index nor a Wasm artifact: its config is of type `{}`",
            shown(&manifest.config.media_type)
        )));
    }
    let layer = manifest.layer(digest, WASM_LAYER)?;
    let config: WasmConfig = config(origin, manifest, WASM_CONFIG)?;
    if config.layer_digests != [layer.digest] {
        return Err(refused(format!(
            "the artifact's config is of other layers: expected {}, found {:?}",
            layer.digest, config.layer_digests
        )));
    }
    if (&*config.os, &*config.architecture) != ("wasip1", "wasm") {
        return Err(refused(format!(
            "the artifact is for {}/{}, not for wasip1/wasm",
            shown(&config.os),
            shown(&config.architecture)
        )));
    }
    fetch(origin, "the module", layer, MAX_MODULE)
}

fn config<T: DeserializeOwned>(
    origin: &impl Origin,
    manifest: &Manifest,
    media_type: &str,
) -> Result<T> {
    let digest = manifest.config.digest;
    if manifest.config.media_type != media_type {
        return Err(refused(format!(
            "the config {digest} is of type `{}`, not `{media_type}`",
            shown(&manifest.config.media_type)
        )));
    }
    let content = fetch(origin, "the config", &manifest.config, MAX_TEXT)?;
    serde_json::from_slice(&content)
        .map_err(|error| refused(format!("the config {digest} can't be read: {error}")))
}
