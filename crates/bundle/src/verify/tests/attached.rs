//! SBOMs and signatures.

use super::*;

#[test]
fn an_sbom_of_another_module_or_another_manifest_is_refused() {
    let other = built(MODULE, &sbom(b"other", 1), None);
    let expected = format!(
        "the SBOM is of another module: expected {}, found {}",
        Digest::of(MODULE),
        Digest::of(b"other")
    );
    assert_eq!(refusal(&other, other.forms.image, None), expected);

    // Nothing hangs on a manifest that was made from another.
    let mut bundle = bundle();
    let digest = edited_index(&mut bundle, |index| index["annotations"] = json!({}));
    let expected = format!("{digest} has no SBOM");
    assert_eq!(refusal(&bundle, digest, None), expected);
}

#[test]
fn a_signature_is_wanted_where_there_is_a_key() {
    let (secret, public) = keys();
    let bundle = bundle();
    let image = bundle.forms.image;
    let expected = format!("{image} has no signature");
    assert_eq!(refusal(&bundle, image, Some(&public)), expected);

    let (_, stranger) = keys();
    let found = refusal(&signed(Some(&secret)), image, Some(&stranger));
    let expected = "the signature is by another key: expected ";
    assert!(found.starts_with(expected), "{found}");
}

/// As someone could try who may push, but has no key: their SBOM with our signature.
#[test]
fn a_signature_stands_for_its_sbom_alone() {
    let (secret, public) = keys();
    let ours = signed(Some(&secret));
    let theirs = built(MODULE, &sbom(MODULE, 2), None);
    let image = ours.forms.image;
    let is_sbom = |it: &&Descriptor| it.artifact_type.as_deref() == Some(crate::sbom::MEDIA_TYPE);
    let sboms = |bundle: &Bundle| {
        let all = bundle.index.manifests.iter();
        all.filter(is_sbom).cloned().collect::<Vec<_>>()
    };
    let mut mixed = signed(Some(&secret));
    mixed.index.manifests.retain(|it| !is_sbom(&it));
    mixed.index.manifests.extend(sboms(&theirs));
    mixed.blobs.extend(theirs.blobs);
    let found = refusal(&mixed, image, Some(&public));
    let expected = "the SBOM is not the one that was signed: expected ";
    assert!(found.starts_with(expected), "{found}");

    // Theirs beside ours keeps nobody from finding ours.
    mixed.index.manifests.extend(sboms(&ours));
    assert!(look(&mixed, image, Some(&public), None).is_ok());
}

/// Or our signature on their image, though that holds the same module.
#[test]
fn a_signature_stands_for_its_forms_alone() {
    let (secret, public) = keys();
    let mut bundle = signed(Some(&secret));
    let image = bundle.forms.image;
    let digest = edited_index(&mut bundle, |index| index["annotations"] = json!({}));
    for referrer in bundle.referrers(image).unwrap() {
        let subject = |manifest: &mut Value, _: &mut Value| {
            manifest["subject"]["digest"] = json!(digest);
        };
        let moved = edited(&mut bundle, referrer.digest, subject);
        let content = bundle.blobs[&moved].clone();
        bundle.index.manifests.push(Descriptor {
            artifact_type: referrer.artifact_type,
            ..Descriptor::of(MANIFEST, &content)
        });
    }
    let expected = format!("the signature is for another image: expected {digest}, found {image}");
    assert_eq!(refusal(&bundle, digest, Some(&public)), expected);
}
