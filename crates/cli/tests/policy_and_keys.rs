//! `tollgate policy` and `tollgate keys`, as a shell sees them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use tollgate_core::policy::Policy;
use tollgate_core::secret;

const RULES: &str = "models: {chat: {price: free, targets: {stable: {}}}}\n";

fn tollgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .output()
        .unwrap()
}

fn folder(rules: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/rules.yaml"), rules).unwrap();
    folder
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
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

#[test]
fn limits_that_a_restart_forgets_are_warned_of() {
    let rules = "models: {chat: {price: free, targets: {stable: {}}}}
organizations:
  acme:
    limits:
      - {requests: 10, per: minute}
      - {requests: 100, per: day}
      - {budget: 5, per: month}
";
    let folder = folder(rules);
    let (rules, file) = (path(&folder, "policies"), path(&folder, "policy.json"));
    let output = tollgate(&["policy", "render", &rules, "-o", &file]);
    assert_eq!(output.status.code(), Some(0));
    let warning = |line: u32, rule: &str| {
        format!(
            "warning: {rules}/rules.yaml:{line}: organization:acme:{rule} is counted by each Envoy \
             for itself, and anew after its restart: there is no ledger\n"
        )
    };
    let expected = warning(7, "budget/month") + &warning(6, "requests/day");
    assert_eq!(stderr(&output), expected);
}

#[test]
fn hosted_tools_that_a_limit_refuses_are_warned_of() {
    let rules = "models:
  search: {price: free, allow: [hosted_tools], targets: {stable: {}}}
  chat: {price: free, targets: {stable: {}}}
organizations:
  acme:
    limits:
      - {tokens: 10, per: minute, admit: worst-case, mode: shadow}
      - {tokens: 100, per: hour, admit: worst-case}
";
    let folder = folder(rules);
    let rules = path(&folder, "policies");
    let output = tollgate(&["policy", "check", &rules]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stderr(&output),
        format!(
            "warning: {rules}/rules.yaml:8: organization:acme:tokens/hour admits only the worst \
             case, which hosted tools have none of: under it they are refused, though the model \
             `search` allows them\n"
        )
    );
}

#[test]
fn rules_that_do_not_do_what_they_seem_to_are_warned_of() {
    let rules = "models: {chat: {context: 8192, targets: {stable: {}}}}
prices:
  version: v1
  models:
    chat:
    - per_million_tokens: {input: 1, cached: 1.5}
      above: {200: {input: 2}, 200k: {input: 3}}
organizations:
  acme:
    limits:
      - {budget: 5, per: month, raises: {once: {amount: 1, until: 2026-01-01}, later: {amount: 1, until: 2999-01-01}}}
";
    let folder = folder(rules);
    let rules = path(&folder, "policies");
    let output = tollgate(&["policy", "check", &rules]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let warning = |what: &str| format!("warning: {what}\n");
    assert_eq!(
        stderr(&output),
        [
            format!(
                "{rules}/rules.yaml:11: organization:acme:budget/month has the raise `once`, whose \
                 time is over"
            ),
            "the model `chat` takes more for cached tokens than for new ones".to_owned(),
            "the model `chat` has prices for prompts above 200 tokens, which most are; is it 200k?"
                .to_owned(),
            "the model `chat` has prices for prompts above 200000 tokens, and none is longer than \
             its context of 8192"
                .to_owned(),
        ]
        .map(|what| warning(&what))
        .concat()
    );
}
