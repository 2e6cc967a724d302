//! Which files of a directory are read.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use tempfile::TempDir;
use tollgate_policy::load;

fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

/// The names of what was read, relative to the directory.
fn names(directory: &Path) -> Vec<String> {
    let sources = load(directory).unwrap();
    let prefix = format!("{}/", directory.display());
    sources
        .into_iter()
        .map(|source| source.name.strip_prefix(&prefix).unwrap().to_owned())
        .collect()
}

fn error(directory: &Path) -> String {
    load(directory)
        .unwrap_err()
        .to_string()
        .replace(&directory.display().to_string(), "DIR")
}

#[test]
fn rule_files_at_any_depth_in_order() {
    let rules = directory(&[
        ("b.yaml", b"b"),
        ("a/z.yml", b"z"),
        ("a/deep/er/x.yaml", b"x"),
        ("README.md", b"no"),
        ("b.yaml.bak", b"no"),
        (".hidden.yaml", b"no"),
        (".git/config.yaml", b"no"),
    ]);
    assert_eq!(
        names(rules.path()),
        ["a/deep/er/x.yaml", "a/z.yml", "b.yaml"]
    );
    assert_eq!(load(rules.path()).unwrap()[2].text, "b");
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let mount = directory(&[
        ("..2026_11_24/models.yaml", b"new"),
        ("..2026_11_24/teams/acme.yaml", b"new"),
        ("..2026_11_23/models.yaml", b"old"),
    ]);
    symlink("..2026_11_24", mount.path().join("..data")).unwrap();
    symlink("..data/models.yaml", mount.path().join("models.yaml")).unwrap();
    symlink("..data/teams", mount.path().join("teams")).unwrap();
    assert_eq!(names(mount.path()), ["models.yaml", "teams/acme.yaml"]);
    assert!(
        load(mount.path())
            .unwrap()
            .iter()
            .all(|source| source.text == "new")
    );
}

#[test]
fn a_link_back_up_does_not_go_round_for_ever() {
    let rules = directory(&[("a/x.yaml", b"")]);
    symlink("..", rules.path().join("a/up")).unwrap();
    assert_eq!(names(rules.path()), ["a/x.yaml"]);
}

#[test]
fn the_directory_itself_may_be_a_link() {
    let rules = directory(&[("real/x.yaml", b"")]);
    symlink("real", rules.path().join("link")).unwrap();
    assert_eq!(names(&rules.path().join("link")), ["x.yaml"]);
}

#[test]
fn a_byte_order_mark_is_no_text() {
    let rules = directory(&[("x.yaml", b"\xef\xbb\xbfmodels: {}")]);
    assert_eq!(load(rules.path()).unwrap()[0].text, "models: {}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let empty = directory(&[("README.md", b"")]);
    assert_eq!(error(empty.path()), "DIR: no *.yaml or *.yml file in it");

    let missing = empty.path().join("missing");
    assert_eq!(
        error(&missing),
        "DIR: No such file or directory (os error 2)"
    );

    for name in ["x.YAML", "x.Yml"] {
        let shouted = directory(&[("y.yaml", b""), (name, b"")]);
        let expected = format!("DIR/{name}: read are *.yaml and *.yml, in lower case: rename it");
        assert_eq!(error(shouted.path()), expected);
    }

    let latin1 = directory(&[("x.yaml", b"# Z\xfcrich")]);
    assert_eq!(error(latin1.path()), "DIR/x.yaml: not UTF-8 at byte 3");

    let dangling = directory(&[]);
    symlink("nowhere.yaml", dangling.path().join("x.yaml")).unwrap();
    assert_eq!(
        error(dangling.path()),
        "DIR/x.yaml: No such file or directory (os error 2)"
    );

    let socket = directory(&[]);
    let _socket = UnixListener::bind(socket.path().join("x.yaml")).unwrap();
    assert_eq!(error(socket.path()), "DIR/x.yaml: not a regular file");
}
