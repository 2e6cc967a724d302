//! Manifests, configs and layers.

use super::*;

#[test]
fn what_was_built_is_accepted_in_both_forms() {
    let (secret, public) = keys();
    let bundle = signed(Some(&secret));
    for (form, digest) in [
        (Form::Image, bundle.forms.image),
        (Form::Wasm, bundle.forms.wasm),
    ] {
        let verified = look(&bundle, digest, Some(&public), Some(MODULE)).unwrap();
        assert_eq!(verified.form, form);
        assert_eq!(verified.module, Digest::of(MODULE));
        assert_eq!(verified.signed.as_deref(), Some("1"));
    }
}

#[test]
fn content_that_is_not_of_its_digest_is_refused() {
    let image = bundle().forms.image;
    let second = led_to(&parsed(&bundle(), image)["manifests"][1]);
    let manifest = parsed(&bundle(), second);
    for (digest, what) in [
        (image, "the manifest"),
        (second, "the manifest"),
        (led_to(&manifest["config"]), "the config"),
        (led_to(&manifest["layers"][0]), "the layer"),
    ] {
        let mut bundle = bundle();
        let content = bundle.blobs.get_mut(&digest).unwrap();
        content[5] ^= 1;
        let found = Digest::of(content);
        let expected = format!("{what}: expected {digest}, found {found}");
        assert_eq!(refusal(&bundle, image, None), expected);
    }
}

#[test]
fn an_image_that_is_not_laid_out_as_ours_is_refused() {
    type Edit<'a> = &'a dyn Fn(&mut Value, &mut Value);
    let mut bundle = bundle();
    let layer = json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        "digest": Digest::of(b"another"), "size": 7,
    });
    let cases: [(Edit<'_>, &str); 8] = [
        (
            &|manifest, _| manifest["layers"] = json!([]),
            "has 0 layers, not the one",
        ),
        (
            &|manifest, _| manifest["layers"] = json!([layer, layer]),
            "has 2 layers, not the one",
        ),
        (
            &|manifest, _| manifest["layers"] = json!([layer]),
            " is not the same on every platform: sha256:",
        ),
        (
            &|manifest, _| manifest["layers"][0]["mediaType"] = json!("a\u{1b}b"),
            "is of type `a\\u{1b}b`, not `application/vnd.oci.image.layer.v1.tar+gzip`",
        ),
        (
            &|manifest, _| manifest["mediaType"] = json!("text/plain"),
            "is of type `text/plain`, neither `application/vnd.oci.image.manifest.v1+json` nor ",
        ),
        (
            &|manifest, _| manifest["config"]["mediaType"] = json!("text/plain"),
            "is of type `text/plain`, not `application/vnd.oci.image.config.v1+json`",
        ),
        (
            &|_, config| config["rootfs"]["diff_ids"] = json!([]),
            "the image's config is of other layers: expected sha256:",
        ),
        (
            &|_, config| config["architecture"] = json!("amd64"),
            "the image's config is for linux/amd64, not for linux/arm64",
        ),
    ];
    for (edit, expected) in cases {
        let digest = edited_image(&mut bundle, edit);
        let found = refusal(&bundle, digest, None);
        assert!(found.contains(expected), "{found}\n{expected}");
    }
}

#[test]
fn an_image_of_other_platforms_is_refused() {
    let mut bundle = bundle();
    let second = led_to(&parsed(&bundle, bundle.forms.image)["manifests"][1]);
    for (platforms, named) in [
        (json!([]), ""),
        (
            json!([{"os": "linux", "architecture": "arm64"}]),
            "linux/arm64",
        ),
        (
            json!([{"os": "linux", "architecture": "arm64"}, null, {"os": "\u{1b}", "architecture": "x"}]),
            "linux/arm64, none, \\u{1b}/x",
        ),
    ] {
        let listed = |platform: &Value| {
            let mut listed = json!({"mediaType": MANIFEST, "digest": second, "size": 1});
            if !platform.is_null() {
                listed["platform"] = platform.clone();
            }
            listed
        };
        let listed: Vec<_> = platforms.as_array().unwrap().iter().map(listed).collect();
        let digest = edited_index(&mut bundle, |index| index["manifests"] = json!(listed));
        let expected = format!(
            "the image {digest} is for the platforms {named}, not for linux/amd64, linux/arm64"
        );
        assert_eq!(refusal(&bundle, digest, None), expected);
    }
    // One platform's manifest alone is not what clusters are given.
    let expected = format!(
        "{second} is neither an image's index nor a Wasm artifact: its config is of type \
         `application/vnd.oci.image.config.v1+json`"
    );
    assert_eq!(refusal(&bundle, second, None), expected);
}

#[test]
fn an_artifact_that_is_not_laid_out_as_ours_is_refused() {
    let mut bundle = bundle();
    let wasm = bundle.forms.wasm;
    let huge = |manifest: &mut Value, _: &mut Value| {
        manifest["layers"][0]["size"] = json!(u64::MAX);
    };
    let digest = edited(&mut bundle, wasm, huge);
    let expected = format!(
        "the module {} is said to have 18446744073709551615 bytes, and 67108864 are allowed",
        Digest::of(MODULE)
    );
    assert_eq!(refusal(&bundle, digest, None), expected);
    let edit = |_: &mut Value, config: &mut Value| config["os"] = json!("wasip2");
    let digest = edited(&mut bundle, wasm, edit);
    let expected = "the artifact is for wasip2/wasm, not for wasip1/wasm";
    assert_eq!(refusal(&bundle, digest, None), expected);
    let edit = |_: &mut Value, config: &mut Value| config["layerDigests"] = json!([]);
    let digest = edited(&mut bundle, wasm, edit);
    let expected = format!(
        "the artifact's config is of other layers: expected {}, found []",
        Digest::of(MODULE)
    );
    assert_eq!(refusal(&bundle, digest, None), expected);
}

#[test]
fn another_module_is_refused() {
    let bundle = bundle();
    let image = bundle.forms.image;
    let refused = look(&bundle, image, None, Some(b"\0asm2")).err().unwrap();
    let expected = format!(
        "the file is another module than that of {image}: expected {}, found {}",
        Digest::of(MODULE),
        Digest::of(b"\0asm2")
    );
    assert_eq!(refused.to_string(), expected);
    let text = built(b"text", &sbom(b"text", 1), None);
    let expected = format!("what {} holds is no WebAssembly module", text.forms.image);
    assert_eq!(refusal(&text, text.forms.image, None), expected);
}
