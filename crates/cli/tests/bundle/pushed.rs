//! A bundle to a real registry, and what a registry has of it.

use crate::place::{MODULE, Place, digest};
use crate::registry::Registry;
use std::fs;

const SIGNED: [&str; 2] = ["--signing-key", "ours.key"];

/// A folder, a registry, and a repository there; none where there can be no registry.
fn world() -> Option<(Place, Registry, String)> {
    let registry = Registry::start()?;
    let repository = format!("{}/tollgate/gateway", registry.address);
    Some((Place::new(), registry, repository))
}

#[test]
fn what_is_pushed_is_verified_in_both_forms() {
    let Some((place, registry, at)) = world() else {
        return;
    };
    let built = place.build("bundle", &SIGNED);
    let (image, wasm) = (&built["image"], &built["wasm"]);
    let expected = format!("image      {at}@{image}  1.0\nwasm       {at}@{wasm}  1.0-wasm\n");
    // The second time there is nothing to do, and nothing changes.
    for _ in 0..2 {
        let said = place.done(&["bundle", "push", "bundle", &at]);
        assert_eq!(said, expected);
    }
    let list = |digest: &str| digest.replace(':', "-");
    let mut tags = vec![
        "1.0".to_owned(),
        "1.0-wasm".to_owned(),
        list(image),
        list(wasm),
    ];
    tags.sort();
    assert_eq!(registry.tags("tollgate/gateway"), tags);

    for form in ["image", "wasm"] {
        let pinned = format!("{at}@{}", built[form]);
        let verify = ["bundle", "verify", &pinned, "--module", "module.wasm"];
        let said = place.done(&[&verify[..], &["--public-key", "ours.pub"]].concat());
        let (module, sbom) = (&built["module"], &built["sbom"]);
        let beginning = format!("{form:<9}  {pinned}\nmodule     {module}\nsbom       {sbom}, ");
        assert!(said.starts_with(&beginning), "{said}");
        let end = " crates\nsignature  version 1.0, by ours.pub\n";
        assert!(said.ends_with(end), "{said}");

        let said = place.done(&verify);
        let end = "\nsignature  not looked at, without --public-key\n";
        assert!(said.ends_with(end), "{said}");
    }
}

#[test]
fn a_tag_names_what_was_pushed_last() {
    let Some((place, registry, at)) = world() else {
        return;
    };
    let target = format!("{at}:stable");
    place.build("one", &[]);
    let two = place.build_version("2.0", "two", &[]);
    place.done(&["bundle", "push", "one", &target]);
    let said = place.done(&["bundle", "push", "two", &target]);
    for (tag, form) in [("stable", "image"), ("stable-wasm", "wasm")] {
        let line = format!("{at}@{}  {tag}\n", two[form]);
        assert!(said.contains(&line), "{said}");
        assert_eq!(registry.tagged("tollgate/gateway", tag), two[form]);
    }
}

/// Two teams sign the same module: neither takes the other's signature away.
#[test]
fn a_signature_is_added_to_those_that_are_there() {
    let Some((place, _registry, at)) = world() else {
        return;
    };
    let built = place.build("ours", &SIGNED);
    place.build("theirs", &["--signing-key", "theirs.key"]);
    place.done(&["bundle", "push", "ours", &at]);
    place.done(&["bundle", "push", "theirs", &at]);
    place.done(&["bundle", "keygen", "-o", "third"]);
    let pinned = format!("{at}@{}", built["image"]);
    let verify = ["bundle", "verify", &pinned, "--public-key"];
    for key in ["ours.pub", "theirs.pub"] {
        place.done(&[&verify[..], &[key]].concat());
    }
    let said = place.fails(1, &[&verify[..], &["third.pub"]].concat());
    let expected = "refused: the signature is by another key: expected ";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn what_is_not_what_was_asked_for_is_refused() {
    let Some((place, _registry, at)) = world() else {
        return;
    };
    let built = place.build("bundle", &[]);
    place.done(&["bundle", "push", "bundle", &at]);
    let image = &built["image"];
    let pinned = format!("{at}@{image}");

    let said = place.fails(
        1,
        &["bundle", "verify", &pinned, "--public-key", "ours.pub"],
    );
    assert_eq!(said, format!("refused: {image} has no signature\n"));

    let other = [MODULE, b"\0"].concat();
    place.write("other.wasm", &other);
    let said = place.fails(1, &["bundle", "verify", &pinned, "--module", "other.wasm"]);
    let expected = format!(
        "refused: the file is another module than that of {image}: expected {}, found {}\n",
        digest(MODULE),
        digest(&other)
    );
    assert_eq!(said, expected);

    let absent = digest(b"absent");
    let said = place.fails(1, &["bundle", "verify", &format!("{at}@{absent}")]);
    assert_eq!(said, format!("refused: {at} has no manifest {absent}\n"));
}

/// As if somebody had got at the registry's disk.
#[test]
fn a_blob_that_was_changed_in_the_registry_is_refused() {
    let Some((place, registry, at)) = world() else {
        return;
    };
    let built = place.build("bundle", &[]);
    place.done(&["bundle", "push", "bundle", &at]);
    let file = registry.blob(&built["module"]);
    let mut content = fs::read(&file).unwrap();
    content[4] = 2;
    fs::write(&file, &content).unwrap();
    let said = place.fails(1, &["bundle", "verify", &format!("{at}@{}", built["wasm"])]);
    let expected = format!(
        "refused: the module: expected {}, found {}\n",
        built["module"],
        digest(&content)
    );
    assert_eq!(said, expected);
}

#[test]
fn a_layout_that_was_changed_is_not_pushed() {
    let Some((place, _registry, at)) = world() else {
        return;
    };
    let built = place.build("bundle", &[]);
    let push = ["bundle", "push", "bundle", &at];
    let blob = format!("bundle/blobs/sha256/{}", &built["module"][7..]);
    let other = b"\0asm\x02\0\0\0";
    place.write(&blob, other);
    let expected = format!(
        "refused: {blob}: expected {}, found {}\n",
        built["module"],
        digest(other)
    );
    assert_eq!(place.fails(1, &push), expected);

    place.write(&blob, MODULE);
    let index = String::from_utf8(place.read("bundle/index.json")).unwrap();
    for (text, instead, expected) in [
        (
            &*built["image"],
            "sha256:../../../etc/passwd",
            "refused: bundle/index.json: `../../../etc/passwd` is not 64 lower-case hexadecimal",
        ),
        (&built["image"], &*built["wasm"], "refused: "),
        (
            "\"manifests\":[",
            "\"manifests\":[],\"x\":[",
            "refused: bundle is no bundle: ",
        ),
    ] {
        place.write("bundle/index.json", index.replace(text, instead).as_bytes());
        let said = place.fails(1, &push);
        assert!(said.starts_with(expected), "{said}");
    }
    fs::remove_file(place.path().join("bundle/index.json")).unwrap();
    let said = place.fails(2, &push);
    let expected = "error: can't read bundle/index.json: ";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn credentials_come_from_dockers_configuration_and_are_not_shown() {
    let place = Place::new();
    // bcrypt of `a-password`.
    let hash = "$2b$04$WHXaTD4gms5rYsFXy4XXJ.7CMydLTK7C9P/TOfKDcFzj7WwfrMRzm";
    place.write("users", format!("ci:{hash}\n").as_bytes());
    let users = place.path().join("users");
    let login = format!(
        "auth: {{htpasswd: {{realm: tests, path: {}}}}}\n",
        users.display()
    );
    let Some(registry) = Registry::with(&login) else {
        return;
    };
    let at = format!("{}/tollgate/gateway", registry.address);
    let built = place.build("bundle", &[]);
    let push = ["bundle", "push", "bundle", &at];
    let address = &registry.address;
    let expected = format!("error: {address} wants a login, and there is none\n");
    assert_eq!(place.fails(2, &push), expected);

    // `ci:a-password`, and another.
    let pinned = format!("{at}@{}", built["image"]);
    for (auth, code) in [("Y2k6YS1wYXNzd29yZA==", 0), ("Y2k6bm8tcGFzc3dvcmQ=", 2)] {
        let config = format!(r#"{{"auths": {{"{address}": {{"auth": "{auth}"}}}}}}"#);
        place.write("docker/config.json", config.as_bytes());
        let pushed = place.run(&push);
        let said = String::from_utf8([pushed.stdout, pushed.stderr].concat()).unwrap();
        assert_eq!(pushed.status.code(), Some(code), "{said}");
        assert!(!said.contains("password") && !said.contains(auth), "{said}");
        let verified = place.run(&["bundle", "verify", &pinned]);
        assert_eq!(verified.status.code(), Some(code));
    }
    place.write("docker/config.json", b"{");
    let said = place.fails(2, &push);
    let expected = "error: Docker's configuration can't be read, ";
    assert!(said.starts_with(expected), "{said}");
}
