//! What is written about the scenarios is true: the examples of the README are scenarios, and the
//! secrets that stand beside the hashes in the rule files are theirs.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use tollgate_host_tests::corpus;

#[test]
fn the_examples_of_the_readme_are_scenarios() {
    let readme = include_str!("../README.md");
    let blocks = readme.split("```yaml\n").skip(1);
    let examples: Vec<_> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    assert!(examples.len() >= 4);
    for example in examples {
        corpus::parse("readme", example).unwrap();
    }
}

#[test]
fn each_hash_is_that_of_the_secret_beside_it() {
    let rules = include_str!("../policies/organizations.yaml");
    let lines: Vec<_> = rules.lines().collect();
    let mut found = 0;
    for pair in lines.windows(2) {
        let Some((_, secret)) = pair[0].split_once("# secret: ") else {
            continue;
        };
        let mut hash = String::from("hash: sha256:");
        for byte in Sha256::digest(secret) {
            write!(hash, "{byte:02x}").unwrap();
        }
        assert_eq!(pair[1].trim(), hash, "{secret}");
        found += 1;
    }
    assert!(found > 10);
}
