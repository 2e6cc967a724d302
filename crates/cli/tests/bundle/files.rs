//! What needs no registry.

use crate::place::{CHECKOUT, MODULE, Place, digest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

/// Every file below a folder.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let below = tree(&path).into_iter();
            found.extend(below.map(|(file, content)| (format!("{name}/{file}"), content)));
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn the_same_module_gives_the_same_files_wherever_and_whenever() {
    let (first, second) = (Place::new(), Place::new());
    first.build("a", &[]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    second.build("elsewhere/b", &[]);
    let layout = tree(&first.path().join("a"));
    assert_eq!(layout, tree(&second.path().join("elsewhere/b")));
    assert_eq!(layout["oci-layout"], br#"{"imageLayoutVersion":"1.0.0"}"#);
}

/// A release that was built before must come out the same when it is built again.
#[test]
fn the_digests_are_those_that_they_always_were() {
    let built = Place::new().build("bundle", &[]);
    for (form, expected) in [
        (
            "module",
            "sha256:93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476",
        ),
        (
            "image",
            "sha256:9aba2974ff347b2665b22a540d198445903474754c92f713d0b50bd874e23b19",
        ),
        (
            "wasm",
            "sha256:72cafe980b7d626bd24b14732fdd768c0faf2eaa64f1db3ea8780cf493bc4b82",
        ),
    ] {
        assert_eq!(built[form], expected, "{form}");
    }
}

#[test]
fn another_version_is_another_image_of_the_same_module() {
    let place = Place::new();
    let one = place.build("1", &[]);
    let two = place.build_version("2.0", "2", &[]);
    assert_eq!(one["module"], two["module"]);
    for form in ["image", "wasm", "sbom"] {
        assert_ne!(one[form], two[form], "{form}");
    }
}

#[test]
fn the_sbom_lists_what_the_module_is_made_of_and_no_path() {
    let place = Place::new();
    let built = place.build("bundle", &[]);
    let hex = built["sbom"].strip_prefix("sha256:").unwrap();
    let content = place.read(&format!("bundle/blobs/sha256/{hex}"));
    let sbom: Value = serde_json::from_slice(&content).unwrap();
    let own = &sbom["metadata"]["component"];
    assert_eq!(own["name"], "tollgate-gateway");
    assert_eq!(own["version"], "1.0");
    assert_eq!(own["hashes"][0]["content"], built["module"][7..]);
    let components = sbom["components"].as_array().unwrap().iter();
    let names: Vec<_> = components.map(|it| it["name"].as_str().unwrap()).collect();
    for inside in ["proxy-wasm", "serde_json", "tollgate-core", "wasip1"] {
        assert!(names.contains(&inside), "{inside}: {names:?}");
    }
    for outside in ["clap", "proptest", "ureq", "tollgate-cli"] {
        assert!(!names.contains(&outside), "{outside}: {names:?}");
    }
    let text = str::from_utf8(&content).unwrap();
    assert!(!text.contains("path+file") && !text.contains(env!("CARGO_MANIFEST_DIR")));
}

#[test]
fn what_can_not_be_built_is_not_begun() {
    let place = Place::new();
    place.build("bundle", &[]);
    place.write("text", b"text");
    place.write("key", b"no key");
    let source = ["--source", CHECKOUT];
    for (module, more, code, expected) in [
        (
            "text",
            &[][..],
            1,
            "refused: text is no WebAssembly module: it does not begin with `\\0asm`\n",
        ),
        ("absent", &[], 2, "error: can't read absent: "),
        (
            "module.wasm",
            &["--version", "1+1"],
            2,
            "error: invalid value '1+1'",
        ),
        ("module.wasm", &[], 2, "error: cargo metadata in .: "),
        (
            "module.wasm",
            &["--package", "none", source[0], source[1]],
            2,
            "error: the checkout has no package `none`\n",
        ),
        (
            "module.wasm",
            &["--signing-key", "key", source[0], source[1]],
            2,
            "error: the signing key is not in minisign's format\n",
        ),
    ] {
        let build = ["bundle", "build", "--module", module, "-o", "new"];
        let said = place.fails(code, &[&build[..], more].concat());
        assert!(said.starts_with(expected), "{said}");
    }
    assert!(!place.path().join("new").exists());

    let again = ["bundle", "build", "--module", "module.wasm", "-o", "bundle"];
    let said = place.fails(2, &[&again[..], &source].concat());
    assert_eq!(said, "error: bundle is not empty\n");
}

#[test]
fn a_key_is_private_is_not_shown_and_replaces_none() {
    let place = Place::new();
    let secret = fs::metadata(place.path().join("ours.key")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    let before = place.read("ours.key");
    let said = place.fails(2, &["bundle", "keygen", "-o", "ours"]);
    assert_eq!(said, "error: ours.key is there already\n");
    assert_eq!(place.read("ours.key"), before);
    place.write("half.pub", b"");
    let said = place.fails(2, &["bundle", "keygen", "-o", "half"]);
    assert_eq!(said, "error: half.pub is there already\n");
    assert!(!place.path().join("half.key").exists());
    let said = place.done(&["bundle", "keygen", "-o", "new"]);
    assert_eq!(said, "new.key\nnew.pub\n");
}

#[test]
fn a_file_is_verified_by_its_digest() {
    let place = Place::new();
    let verify = ["bundle", "verify", "--module", "module.wasm", "--sha256"];
    let (right, other) = (digest(MODULE), digest(b"other"));
    for way in [&*right, &right[7..]] {
        let said = place.done(&[&verify[..], &[way]].concat());
        assert_eq!(said, format!("module     {right}\n"));
    }
    let said = place.fails(1, &[&verify[..], &[&other]].concat());
    let expected = format!("refused: the module is another one: expected {other}, found {right}\n");
    assert_eq!(said, expected);
    let said = place.fails(2, &[&verify[..], &["00"]].concat());
    let expected = "`00` is not 64 lower-case hexadecimal digits";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_file_is_verified_by_its_signature() {
    let place = Place::new();
    let built = place.build("bundle", &["--signing-key", "ours.key"]);
    let verify = |module: &'static str, signature: &'static str, key: &'static str| {
        let file = ["bundle", "verify", "--module", module];
        let proof = ["--signature", signature, "--public-key", key];
        [file, proof].concat()
    };
    let signature = "bundle/plugin.wasm.minisig";
    let expected = format!(
        "module     {0}\nsignature  tollgate version=1.0 module={0} image={1} wasm={2} sbom={3}\n",
        built["module"], built["image"], built["wasm"], built["sbom"]
    );
    let said = place.done(&verify("module.wasm", signature, "ours.pub"));
    assert_eq!(said, expected);

    let said = place.fails(1, &verify("module.wasm", signature, "theirs.pub"));
    let expected = "refused: the signature is by another key: expected ";
    assert!(said.starts_with(expected), "{said}");

    let tampered = [MODULE, b"\0"].concat();
    place.write("tampered.wasm", &tampered);
    let said = place.fails(1, &verify("tampered.wasm", signature, "ours.pub"));
    let expected = format!(
        "refused: the signature is not of this module ({}), or was changed\n",
        digest(&tampered)
    );
    assert_eq!(said, expected);

    let text = String::from_utf8(place.read(signature)).unwrap();
    let changed = text.replace("version=1.0", "version=9.0");
    place.write("changed", changed.as_bytes());
    let said = place.fails(1, &verify("module.wasm", "changed", "ours.pub"));
    assert!(said.ends_with(", or was changed\n"), "{said}");
    place.write("cut", &text.as_bytes()[..80]);
    let said = place.fails(1, &verify("module.wasm", "cut", "ours.pub"));
    assert_eq!(said, "refused: the signature is not in minisign's format\n");
}

#[test]
fn what_is_not_enough_to_verify_by_is_exit_code_2() {
    let place = Place::new();
    for (arguments, expected) in [
        (
            &[][..],
            "error: the following required arguments were not provided",
        ),
        (
            &["--module", "module.wasm"],
            "error: nothing to verify it by: give --sha256, or --signature\n",
        ),
        (
            &["--module", "module.wasm", "--public-key", "ours.pub"],
            "error: --public-key needs --signature as well\n",
        ),
        (
            &["localhost:1/a:latest"],
            "error: invalid value 'localhost:1/a:latest' for '[REGISTRY/REPOSITORY@DIGEST]': \
             `localhost:1/a:latest` names no digest, and what a tag names can change: write \
             REGISTRY/REPOSITORY@sha256:DIGEST\n",
        ),
    ] {
        let said = place.fails(2, &[&["bundle", "verify"][..], arguments].concat());
        assert!(said.starts_with(expected), "{said}");
    }
}

/// Nobody may ever write to it.
#[test]
fn a_pipe_is_not_waited_for() {
    let place = Place::new();
    place.build("bundle", &[]);
    fs::remove_file(place.path().join("bundle/index.json")).unwrap();
    for pipe in ["pipe", "bundle/index.json"] {
        let pipe = place.path().join(pipe);
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        // Whoever does wait reads nothing.
        thread::spawn(move || fs::write(pipe, b""));
    }
    let any = "0".repeat(64);
    let verify = ["bundle", "verify", "--sha256", &any, "--module", "pipe"];
    let said = place.fails(1, &verify);
    assert_eq!(said, "refused: pipe is not a regular file\n");
    let said = place.fails(1, &["bundle", "push", "bundle", "localhost:1/a"]);
    let expected = "refused: bundle/index.json is not a regular file\n";
    assert_eq!(said, expected);
}
