//! Rule files of these tests.

use sha2::{Digest, Sha256};

/// A model that the upstream `default` serves under its own name.
pub(crate) const PLAIN: &str = "  plain: {price: free, targets: {only: {}}}\n";

/// Rules with these models (YAML, indented by two), and a team of organization `acme` with one
/// key, `k`, for each of these names. The key's secret is [`secret`] of the name.
pub(crate) fn rules(models: &str, teams: &[&str]) -> String {
    let team = |name: &&str| {
        let hash = hash(&secret(name));
        format!("      {name}: {{keys: {{k: {{hash: 'sha256:{hash}'}}}}}}\n")
    };
    let teams: String = teams.iter().map(team).collect();
    format!("models:\n{models}organizations:\n  acme:\n    teams:\n{teams}")
}

/// The virtual key of a team.
pub(crate) fn secret(team: &str) -> String {
    format!("sk-test-{team}")
}

/// As rule files write it.
pub(crate) fn hash(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
