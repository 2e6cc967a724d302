//! What the module is made of: CycloneDX 1.6 in JSON (cyclonedx.org/docs/1.6/json), from what
//! `cargo metadata --locked` says of the crates that are compiled into it.
//!
//! CycloneDX and not SPDX, which demands the time of writing and a namespace of the document's own:
//! without them the same sources give the same bytes.

use crate::digest::Digest;
use crate::error::{Result, refused};
use crate::version::Version;
use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";
pub(crate) const MAX_SBOM: u64 = 4 << 20;
const TARGET: &str = "wasm32-wasip1";

/// Where the module was built from.
pub struct Source {
    /// A checkout; its `Cargo.lock` names the versions.
    pub folder: PathBuf,
    /// The module's package.
    pub package: String,
}

/// A bill of materials as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sbom {
    bom_format: String,
    spec_version: String,
    version: u32,
    metadata: About,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Serialize, Deserialize)]
struct About {
    component: Component,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Component {
    r#type: String,
    bom_ref: String,
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    /// Of what came from the registry: elsewhere the name means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct License {
    expression: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    r#ref: String,
    #[serde(default)]
    depends_on: Vec<String>,
}

impl Sbom {
    /// That of a module.
    ///
    /// # Errors
    /// When cargo can't be run there, or does not know the package.
    pub fn of(source: &Source, module: Digest, version: &Version) -> Result<Self> {
        let metadata = cargo_metadata(source)?;
        let parts = metadata.parts(&source.package)?;
        let mut own = parts.root.component();
        "application".clone_into(&mut own.r#type);
        own.version = version.to_string();
        own.hashes = vec![Hash {
            alg: "SHA-256".to_owned(),
            content: module.hex(),
        }];
        Ok(Self {
            bom_format: "CycloneDX".to_owned(),
            spec_version: "1.6".to_owned(),
            version: 1,
            metadata: About { component: own },
            components: parts.others.iter().map(|part| part.component()).collect(),
            dependencies: parts.dependencies,
        })
    }

    /// Parses bytes whose digest has been checked.
    pub(crate) fn parse(content: &[u8]) -> Result<Self> {
        serde_json::from_slice(content)
            .map_err(|error| refused(format!("the SBOM can't be read: {error}")))
    }

    /// Refuses if it is of another module.
    pub(crate) fn check_module(&self, module: Digest) -> Result<()> {
        let hashes = &self.metadata.component.hashes;
        let found = hashes.iter().find(|hash| hash.alg == "SHA-256");
        let found = found.map(|hash| Digest::from_hex(&hash.content));
        match found {
            Some(Ok(digest)) if digest == module => Ok(()),
            Some(Ok(digest)) => Err(refused(format!(
                "the SBOM is of another module: expected {module}, found {digest}"
            ))),
            Some(Err(problem)) => Err(refused(format!("the SBOM's module: {problem}"))),
            None => Err(refused("the SBOM names no digest of a module")),
        }
    }

    /// How many crates it lists beside the module's own.
    pub fn crates(&self) -> usize {
        self.components.len()
    }
}

// --- what cargo says

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `dev` or `build`; none for what is compiled in.
    kind: Option<String>,
}

/// Sorted, so that the same sources give the same bytes.
struct Parts<'a> {
    root: &'a Package,
    others: Vec<&'a Package>,
    dependencies: Vec<Dependency>,
}

fn cargo_metadata(source: &Source) -> Result<Metadata> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let folder = source.folder.display();
    let output = Command::new(&cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", TARGET])
        .current_dir(&source.folder)
        .output()
        .with_context(|| format!("can't run {} in {folder}", cargo.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(anyhow!("cargo metadata in {folder}: {}", said.trim()).into());
    }
    Ok(serde_json::from_slice(&output.stdout).context("what cargo metadata printed")?)
}

impl Metadata {
    fn parts(&self, name: &str) -> anyhow::Result<Parts<'_>> {
        let packages: BTreeMap<_, _> = self.packages.iter().map(|it| (&*it.id, it)).collect();
        let nodes: BTreeMap<_, _> = self.resolve.nodes.iter().map(|it| (&*it.id, it)).collect();
        let own = |each: &&Package| each.name == name && each.source.is_none();
        let Some(root) = self.packages.iter().find(own) else {
            bail!("the checkout has no package `{name}`");
        };
        let (mut seen, mut open) = (BTreeSet::new(), vec![&*root.id]);
        let mut dependencies = BTreeMap::new();
        while let Some(id) = open.pop() {
            let (Some(package), Some(node)) = (packages.get(id), nodes.get(id)) else {
                bail!("cargo metadata does not say what {id} is");
            };
            if !seen.insert(id) {
                continue;
            }
            let next = node.compiled();
            let named = next.iter().filter_map(|id| packages.get(id));
            let named: BTreeSet<_> = named.map(|package| package.reference()).collect();
            dependencies.insert(package.reference(), named);
            open.extend(next);
        }
        seen.remove(&*root.id);
        let mut others: Vec<_> = seen
            .iter()
            .filter_map(|id| packages.get(id).copied())
            .collect();
        others.sort_by_key(|package| package.reference());
        let dependencies = dependencies.into_iter().map(|(r#ref, on)| Dependency {
            r#ref,
            depends_on: on.into_iter().collect(),
        });
        Ok(Parts {
            root,
            others,
            dependencies: dependencies.collect(),
        })
    }
}

impl Node {
    /// What it needs in the module, not to be built or tested.
    fn compiled(&self) -> Vec<&str> {
        let compiled = |edge: &&Edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none());
        let edges = self.deps.iter().filter(compiled);
        edges.map(|edge| &*edge.pkg).collect()
    }
}

impl Package {
    /// No path of the machine's: those of our own crates have one in cargo's id.
    fn reference(&self) -> String {
        match &self.source {
            Some(_) => format!("pkg:cargo/{}@{}", self.name, self.version),
            None => format!("{}@{}", self.name, self.version),
        }
    }

    fn component(&self) -> Component {
        // A slash is how cargo wrote it before it took SPDX's expressions.
        let license = self.license.as_ref().map(|text| text.replace('/', " OR "));
        Component {
            r#type: "library".to_owned(),
            bom_ref: self.reference(),
            name: self.name.clone(),
            version: self.version.clone(),
            hashes: Vec::new(),
            licenses: license
                .map(|expression| License { expression })
                .into_iter()
                .collect(),
            purl: self.source.as_ref().map(|_| self.reference()),
        }
    }
}
