//! What an existing configuration lacks, or has wrong: each with its place, what goes wrong and
//! the line to add or to remove.
//!
//! Reads the bootstrap and the discovery files that it names (listeners, routes, clusters, the
//! module). What comes from a management server can't be seen here.

mod clusters;
mod detours;
mod filter;
mod routes;

use crate::place::Place;
use crate::requirements::{self, Requirement, Surplus};
use crate::stats;
use detours::Detour;
use serde_json::Value;
use std::path::Path;
use std::{fmt, io};
use tollgate_core::document::Document;

/// Something that a configuration lacks or has wrong, or that only its operator can judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file it is in.
    pub file: String,
    /// Where in the file.
    pub path: String,
    /// What goes wrong.
    pub why: String,
    /// How to mend it.
    pub remedy: Remedy,
}

/// How a finding is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// By writing this there.
    Add(String),
    /// By removing this.
    Remove(String),
    /// It may be right: a note to the operator, not a mistake.
    Judge,
}

impl Finding {
    /// Whether it must be mended.
    #[must_use]
    pub fn is_mistake(&self) -> bool {
        self.remedy != Remedy::Judge
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file, path, why, ..
        } = self;
        writeln!(f, "{file}: {path}")?;
        match &self.remedy {
            Remedy::Add(line) => write!(f, "  {why}\n  add: {line}"),
            Remedy::Remove(line) => write!(f, "  {why}\n  remove: {line}"),
            Remedy::Judge => write!(f, "  note: {why}"),
        }
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
        detours: Vec::new(),
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
    detours: Vec<Detour>,
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
        let policies: Vec<Document> = policies.into_iter().flatten().collect();
        self.clusters(root, &policies);
        self.detours(&policies);
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
            if !(requirement.holds)(&field) {
                self.find(&field, requirement.why, requirement.add);
            }
        }
    }

    /// Every field that must not be there; of a list, each element that is not switched off.
    fn refuse(&mut self, object: &Place<'_>, surplus: &[Surplus]) {
        for Surplus { field, why } in surplus {
            let place = object.field(field);
            let elements = place.list_or_self();
            let active = |element: &Place<'_>| *element.field("enabled").value != false;
            for element in elements.iter().filter(|e| e.is_set() && active(e)) {
                self.find_surplus(element, why, field);
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

    /// Something to add.
    fn find(&mut self, place: &Place<'_>, why: &str, add: &str) {
        self.push(place, why, Remedy::Add(add.to_owned()));
    }

    /// Something to remove.
    fn find_surplus(&mut self, place: &Place<'_>, why: &str, remove: &str) {
        self.push(place, why, Remedy::Remove(remove.to_owned()));
    }

    /// Something that is right or wrong by what can't be seen here.
    fn note(&mut self, place: &Place<'_>, why: &str) {
        self.push(place, why, Remedy::Judge);
    }

    /// Once: several routes may inherit the same mistake.
    fn push(&mut self, place: &Place<'_>, why: &str, remedy: Remedy) {
        let finding = Finding {
            file: place.file.to_owned(),
            path: place.path.clone(),
            why: why.to_owned(),
            remedy,
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
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
