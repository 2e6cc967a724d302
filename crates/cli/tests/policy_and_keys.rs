//! `tollgate policy` and `tollgate keys`, as a shell sees them.

mod common;

use common::{folder, path, stderr, tollgate};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use tollgate_core::policy::Policy;
use tollgate_core::secret;

const RULES: &str = "models: {chat: {price: free, targets: {stable: {}}}}\n";

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn render_writes_what_the_module_reads() {
    let folder = folder(RULES);
    let (rules, file) = (path(&folder, "policies"), path(&folder, "policy.json"));
    let output = tollgate(&["policy", "render", &rules, "-o", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let written = fs::read(&file).unwrap();
    let policy = Policy::load(&written).unwrap();
    let expected = format!(
        "{file}: policy {}, 1 model, 0 organizations, 0 teams, 0 keys\n",
        policy.version()
    );
    assert_eq!(stdout(&output), expected);

    let output = tollgate(&["policy", "render", &rules, "-o", "-"]);
    assert_eq!(output.stdout, [&*written, b"\n"].concat());

    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["policies", "policy.json"]);
}

/// The proxy often runs as another user than the one who renders.
#[test]
fn render_gives_the_file_the_mode_of_any_new_file() {
    let folder = folder(RULES);
    let (rules, file) = (path(&folder, "policies"), path(&folder, "policy.json"));
    tollgate(&["policy", "render", &rules, "-o", &file]);
    let plain = path(&folder, "plain");
    fs::write(&plain, "").unwrap();
    let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&file), mode(&plain));
}

#[test]
fn mistakes_are_printed_and_nothing_is_written() {
    let folder = folder("models: {chat: {price: free}}\n");
    let (rules, file) = (path(&folder, "policies"), path(&folder, "policy.json"));
    fs::write(&file, "the policy before").unwrap();
    let expected = format!(
        "error: the model `chat` has no target
 --> {rules}/rules.yaml:1:10
  |
1 | models: {{chat: {{price: free}}}}
  |          ^^^^
  |
  = help: `targets: {{stable: {{}}}}` sends it to the upstream `default`

1 mistake
"
    );
    for arguments in [
        &["policy", "render", &rules, "-o", &file][..],
        &["policy", "check", &rules],
    ] {
        let output = tollgate(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!((stdout(&output), stderr(&output)), ("", &*expected));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "the policy before");
}

#[test]
fn what_can_not_be_carried_out_is_exit_code_2() {
    let folder = folder(RULES);
    let (rules, absent) = (path(&folder, "policies"), path(&folder, "absent"));
    let below_absent = format!("{absent}/policy.json");
    let cases: [(&[&str], &str); 6] = [
        (&["policy", "check", &absent], "No such file or directory"),
        (&["policy", "render", &rules], "--output <FILE>"),
        (
            &["policy", "render", &rules, "-o", &below_absent],
            "can't write",
        ),
        (
            &["policy", "render", &rules, "-o", "/dev/null"],
            "/dev/null is not a regular file",
        ),
        (
            &["policy", "render", &rules, "-o", &rules],
            "is not a regular file",
        ),
        (&["polcy"], "a similar subcommand exists: 'policy'"),
    ];
    for (arguments, message) in cases {
        let output = tollgate(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(message),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
    assert!(Path::new("/dev/null").exists());
}

/// A minted key's lines, pasted under its team, make its secret known.
#[test]
fn a_minted_key_works_where_it_is_pasted() {
    let arguments = ["keys", "mint", "--team", "acme/payments", "--name", "ci"];
    let output = tollgate(&[&arguments[..], &["--expires", "2027-01-01"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let secret = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(secret::PREFIX))
        .unwrap();
    let secret = format!("{}{secret}", secret::PREFIX);
    assert!(!secret::is_damaged(secret.as_bytes()));
    assert_eq!(text.matches(secret::PREFIX).count(), 1);

    let (_, lines) = text.split_once("hash:\n\n").unwrap();
    let rules = format!(
        "{RULES}organizations:\n  acme:\n    teams:\n      payments:\n        keys:\n{lines}"
    );
    let folder = folder(&rules);
    let output = tollgate(&["policy", "render", &path(&folder, "policies"), "-o", "-"]);
    let policy = Policy::load(&output.stdout).unwrap();
    let key = policy
        .key_by_hash(&secret::hash(secret.as_bytes()))
        .unwrap();
    let tenant = policy.tenant(key).unwrap();
    assert_eq!(
        (tenant.organization, tenant.team, tenant.key),
        ("acme", "payments", "ci")
    );
    assert_eq!(
        policy.restrictions(key).unwrap().expires,
        Some(1_798_761_600)
    );
}

#[test]
fn a_minted_key_without_a_name_gets_one_and_no_two_are_equal() {
    let mint = || tollgate(&["keys", "mint", "--team", "acme/payments"]);
    let (first, second) = (mint(), mint());
    assert_ne!(first.stdout, second.stdout);
    let hash = stdout(&first).split_once("sha256:").unwrap().1;
    assert!(stdout(&first).contains(&format!("\n          key-{}:\n", &hash[..8])));
}

#[test]
fn a_key_that_no_rule_file_could_hold_is_not_minted() {
    let cases: [(&[&str], &str); 4] = [
        (
            &["--team", "payments"],
            "a team is written as ORGANIZATION/TEAM",
        ),
        (&["--team", "acme/Payments"], "`Payments` can't be a name"),
        (
            &["--team", "acme/payments", "--name", "c i"],
            "`c i` can't be a name",
        ),
        (
            &["--team", "acme/payments", "--expires", "2027-02-29"],
            "it is no date",
        ),
    ];
    for (arguments, message) in cases {
        let output = tollgate(&[&["keys", "mint"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(message),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}
