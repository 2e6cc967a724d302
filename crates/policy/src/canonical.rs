//! Equal rules give equal bytes: everything is sorted, then the bytes are named by their hash.

use crate::accounts::Accounts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tollgate_core::document::{Document, FORMAT, Model, Prices, Zone};

/// What stands beside models and accounts.
pub(crate) struct Economy {
    pub(crate) usage_path: Option<String>,
    pub(crate) cost_header: bool,
    pub(crate) prices: Option<Prices>,
    /// Sorted by name.
    pub(crate) zones: Vec<Zone>,
    /// Where each limit's rule stands.
    pub(crate) sources: BTreeMap<String, String>,
}

/// The document, sorted as [`Document`] says and with its version.
pub(crate) fn seal(mut models: Vec<Model>, accounts: Accounts, economy: Economy) -> Document {
    for model in &mut models {
        model.aliases.sort_unstable();
        model.targets.sort_by(|a, b| a.name.cmp(&b.name));
    }
    models.sort_by(|a, b| a.name.cmp(&b.name));
    let Accounts {
        mut organizations,
        mut teams,
        mut keys,
    } = accounts;
    organizations.sort_by(|a, b| a.name.cmp(&b.name));
    teams.sort_by(|a, b| (&a.organization, &a.name).cmp(&(&b.organization, &b.name)));
    keys.sort_unstable_by_key(|(hash, _)| *hash);
    let keys = keys
        .into_iter()
        .map(|(hash, mut key)| {
            key.hash = URL_SAFE_NO_PAD.encode(hash);
            key
        })
        .collect();
    let mut document = Document {
        format: FORMAT,
        version: String::new(),
        usage_path: economy.usage_path,
        cost_header: economy.cost_header,
        prices: economy.prices,
        zones: economy.zones,
        models,
        organizations,
        teams,
        keys,
        sources: BTreeMap::new(),
    };
    document.version = version(&document);
    document.sources = economy.sources;
    document
}

/// The document as the module reads it: one line of JSON, without a newline.
pub fn to_json(document: &Document) -> Vec<u8> {
    serde_json::to_vec(document).expect("a document holds nothing that JSON lacks")
}

/// 16 hex digits of the SHA-256 of the document whose version is still empty, and which has no sources yet.
fn version(document: &Document) -> String {
    let digest = Sha256::digest(to_json(document));
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
