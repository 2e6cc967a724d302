//! Which models exist and what else they are called.

use crate::diagnostic::{Diagnostic, Site};
use crate::names::did_you_mean;
use crate::rules::{RuleFile, Text};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

/// Every name that a client may use.
pub(crate) struct Catalog<'a> {
    names: BTreeMap<&'a str, Entry<'a>>,
}

struct Entry<'a> {
    /// The model's own name.
    model: &'a str,
    /// Where this name (or alias) was given.
    site: Site,
}

impl<'a> Catalog<'a> {
    /// Reports names that stand for two things.
    pub(crate) fn new(files: &'a [RuleFile], errors: &mut Vec<Diagnostic>) -> Self {
        let mut catalog = Self {
            names: BTreeMap::new(),
        };
        for (file, rules) in files.iter().enumerate() {
            for (name, _) in rules.models.iter() {
                if let Err((site, earlier)) = catalog.add(file, name, &name.value) {
                    let message = format!("the model `{}` is defined twice", name.value);
                    errors.push(Diagnostic::new(site, message).and(earlier.site, "first here"));
                }
            }
        }
        for (file, rules) in files.iter().enumerate() {
            for (model, rule) in rules.models.iter() {
                for alias in &rule.aliases {
                    if let Err((site, earlier)) = catalog.add(file, alias, &model.value) {
                        errors.push(alias_taken(site, &alias.value, earlier));
                    }
                }
            }
        }
        catalog
    }

    /// The earlier entry of that name on failure.
    fn add(
        &mut self,
        file: usize,
        name: &'a Text,
        model: &'a str,
    ) -> Result<(), (Site, &Entry<'a>)> {
        let site = Site::of(file, name);
        match self.names.entry(&name.value) {
            MapEntry::Vacant(free) => {
                free.insert(Entry { model, site });
                Ok(())
            }
            MapEntry::Occupied(taken) => Err((site, taken.into_mut())),
        }
    }

    /// The model that a name or alias stands for.
    pub(crate) fn resolve(
        &self,
        file: usize,
        name: &Text,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<&'a str> {
        if let Some(entry) = self.names.get(name.value.as_str()) {
            return Some(entry.model);
        }
        let help = did_you_mean(&name.value, self.names.keys().copied())
            .or_else(|| Some("models are defined under the top-level `models:`".to_owned()));
        errors.push(
            Diagnostic::new(
                Site::of(file, name),
                format!("there is no model `{}`", name.value),
            )
            .help_if(help),
        );
        None
    }
}

fn alias_taken(site: Site, alias: &str, earlier: &Entry<'_>) -> Diagnostic {
    if earlier.model == alias {
        Diagnostic::new(site, format!("the alias `{alias}` is the name of a model"))
            .and(earlier.site, "the model")
    } else {
        Diagnostic::new(site, format!("the alias `{alias}` is taken")).and(
            earlier.site,
            format!("an alias of the model `{}`", earlier.model),
        )
    }
}
