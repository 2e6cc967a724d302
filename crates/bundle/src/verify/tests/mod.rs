//! What is refused of a bundle whose digests fit, and of one whose don't.

mod attached;
mod forms;

use super::*;
use crate::bundle::Bundle;
use crate::manifest::MANIFEST;
use crate::sbom::Sbom;
use crate::signature::SigningKey;
use crate::version::Version;
use serde_json::{Value, json};

const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn sbom(module: &[u8], revision: u32) -> Sbom {
    let component = json!({
        "type": "application", "bom-ref": "m@1", "name": "m", "version": "1",
        "hashes": [{"alg": "SHA-256", "content": Digest::of(module).hex()}],
    });
    let sbom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": revision,
        "metadata": {"component": component}, "components": [], "dependencies": [],
    });
    serde_json::from_value(sbom).unwrap()
}

fn built(module: &[u8], sbom: &Sbom, key: Option<&SigningKey>) -> Bundle {
    let version: Version = "1".parse().unwrap();
    Bundle::build(module, &version, sbom, key).unwrap().bundle
}

fn bundle() -> Bundle {
    signed(None)
}

fn signed(key: Option<&SigningKey>) -> Bundle {
    built(MODULE, &sbom(MODULE, 1), key)
}

fn keys() -> (SigningKey, PublicKey) {
    let (secret, public) = SigningKey::generate().unwrap();
    (
        SigningKey::parse(&secret, || panic!("no password")).unwrap(),
        PublicKey::parse(&public).unwrap(),
    )
}

#[track_caller]
fn refusal(bundle: &Bundle, digest: Digest, key: Option<&PublicKey>) -> String {
    match look(bundle, digest, key, None) {
        Err(crate::Error::Refused(text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

fn parsed(bundle: &Bundle, digest: Digest) -> Value {
    serde_json::from_slice(&bundle.blobs[&digest]).unwrap()
}

fn keep(bundle: &mut Bundle, content: &Value) -> (Digest, usize) {
    let content = content.to_string().into_bytes();
    let (digest, size) = (Digest::of(&content), content.len());
    bundle.blobs.insert(digest, content);
    (digest, size)
}

/// What a descriptor leads to.
fn led_to(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}

/// The bundle with another manifest in that one's place: everything fits together, but what was
/// edited of it and of its config.
fn edited(bundle: &mut Bundle, manifest: Digest, edit: impl Fn(&mut Value, &mut Value)) -> Digest {
    let mut manifest = parsed(bundle, manifest);
    let mut config = parsed(bundle, led_to(&manifest["config"]));
    edit(&mut manifest, &mut config);
    let (digest, size) = keep(bundle, &config);
    manifest["config"]["digest"] = json!(digest);
    manifest["config"]["size"] = json!(size);
    keep(bundle, &manifest).0
}

/// Likewise another image, of which the second platform's manifest was edited.
fn edited_image(bundle: &mut Bundle, edit: impl Fn(&mut Value, &mut Value)) -> Digest {
    let mut index = parsed(bundle, bundle.forms.image);
    let manifest = edited(bundle, led_to(&index["manifests"][1]), edit);
    index["manifests"][1]["digest"] = json!(manifest);
    index["manifests"][1]["size"] = json!(bundle.blobs[&manifest].len());
    keep(bundle, &index).0
}

/// Likewise one of which the index was.
fn edited_index(bundle: &mut Bundle, edit: impl Fn(&mut Value)) -> Digest {
    let mut index = parsed(bundle, bundle.forms.image);
    edit(&mut index);
    keep(bundle, &index).0
}
