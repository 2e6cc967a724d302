//! What an existing configuration lacks, or has wrong: each with its place, what goes wrong and
//! the line to add.
//!
//! Reads the bootstrap and the discovery files that it names (listeners, clusters, the module).
//! What comes from a management server can't be seen here.

mod clusters;
mod filter;
mod place;
mod routes;

use crate::requirements::{self, Requirement};
use crate::stats;
use place::Place;
use serde_json::Value;
use std::path::Path;
use std::{fmt, io};

/// Something that a configuration lacks or has wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file it is in.
    pub file: String,
    /// Where in the file.
    pub path: String,
    /// What goes wrong.
    pub why: String,
    /// What to write there.
    pub add: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.file, self.path)?;
        writeln!(f, "  {}", self.why)?;
        write!(f, "  add: {}", self.add)
    }
}

/// Checks a bootstrap (YAML or JSON).
///
/// `read` gives the text of a file; paths inside the configuration go to it as they are written.
///
/// # Errors
/// [`CheckError`] when the bootstrap itself can't be read; that another file can't is a finding.
pub fn check(
    bootstrap: &Path,
    read: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Vec<Finding>, CheckError> {
    let name = bootstrap.display().to_string();
    let text = read(bootstrap).map_err(CheckError::Unreadable)?;
    let value = parse(&text).map_err(CheckError::Malformed)?;
    let mut check = Check {
        read,
        findings: Vec::new(),
    };
    check.bootstrap(&Place::root(&name, &value));
    Ok(check.findings)
}

/// Why nothing could be checked.
#[derive(Debug)]
pub enum CheckError {
    /// No such file, no permission, not text.
    Unreadable(io::Error),
    /// Neither JSON nor YAML.
    Malformed(String),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::Malformed(problem) => write!(f, "neither JSON nor YAML: {problem}"),
        }
    }
}

impl std::error::Error for CheckError {}

/// A check under way.
struct Check<'r> {
    read: &'r dyn Fn(&Path) -> io::Result<String>,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn bootstrap(&mut self, root: &Place<'_>) {
        self.require(root, &requirements::BOOTSTRAP);
        self.stats_tags(&root.field("stats_config.stats_tags"));
        let mut policies = Vec::new();
        for listener in root.list("static_resources.listeners") {
            policies.extend(self.listener(&listener));
        }
        let listeners = root.field("dynamic_resources.lds_config.path_config_source.path");
        self.discovered(&listeners, |check, resource| {
            policies.extend(check.listener(resource))
        });
        if policies.is_empty() {
            self.find(
                &root.field("static_resources.listeners"),
                "no connection manager has Tollgate's filter: nothing is authenticated or metered",
                "http_filters as in fragment.yaml",
            );
        }
        self.clusters(root, &policies.into_iter().flatten().collect::<Vec<_>>());
    }

    /// One metric label after another.
    fn stats_tags(&mut self, tags: &Place<'_>) {
        for label in stats::LABELS {
            let cut = |tag: &Place<'_>| {
                tag.field("tag_name").text() == label
                    && tag.field("regex").text().contains(&format!(";{label}="))
            };
            if !tags.items().iter().any(cut) {
                let why = format!("metrics have no label '{label}': it stays part of their names");
                self.find(tags, &why, &stats::tag(label).to_string());
            }
        }
    }

    /// Every requirement on an object.
    fn require(&mut self, object: &Place<'_>, requirements: &[Requirement]) {
        for requirement in requirements {
            let field = object.field(requirement.field);
            if !(requirement.holds)(field.value) {
                self.find(&field, requirement.why, requirement.add);
            }
        }
    }

    /// Visits the resources of a discovery file, if `path` names one.
    fn discovered(&mut self, path: &Place<'_>, mut visit: impl FnMut(&mut Self, &Place<'_>)) {
        let file = path.text();
        if file.is_empty() {
            return;
        }
        let read = (self.read)(Path::new(file)).map_err(|error| error.to_string());
        match read.and_then(|text| parse(&text)) {
            Ok(value) => {
                let resources = Place::root(file, &value).list("resources");
                resources.iter().for_each(|resource| visit(self, resource));
            }
            Err(problem) => {
                self.find(
                    path,
                    &format!("'{file}' can't be read: {problem}"),
                    "a readable file",
                );
            }
        }
    }

    fn find(&mut self, place: &Place<'_>, why: &str, add: &str) {
        self.findings.push(Finding {
            file: place.file.to_owned(),
            path: place.path.clone(),
            why: why.to_owned(),
            add: add.to_owned(),
        });
    }
}

/// JSON, else YAML.
fn parse(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) if text.trim_start().starts_with('{') => Err(error.to_string()),
        Err(_) => serde_saphyr::from_str(text).map_err(|error| error.to_string()),
    }
}
