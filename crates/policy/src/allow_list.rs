//! Which models an account may use: every list from the organization down to the key narrows it.

use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Site};
use crate::rules::Texts;
use std::collections::BTreeMap;

/// The models that an account may use.
#[derive(Clone, Default)]
pub(crate) struct AllowList<'a> {
    /// Own names, never aliases; `None`: all.
    models: Option<Vec<&'a str>>,
    /// The lists that led here, outermost first.
    lists: Vec<(Site, String)>,
    /// A list had a mistake, so what is left says nothing.
    unsure: bool,
}

impl<'a> AllowList<'a> {
    /// What is left for `owner` (such as "the team `acme/payments`") under its own list, if any.
    pub(crate) fn narrow(
        &self,
        owner: &str,
        file: usize,
        list: Option<&Texts>,
        catalog: &Catalog<'a>,
        errors: &mut Vec<Diagnostic>,
    ) -> Self {
        let Some(list) = list else {
            return self.clone();
        };
        let before = errors.len();
        let listed = resolve(file, list, catalog, errors);
        let mut narrowed = self.clone();
        narrowed.unsure |= errors.len() > before;
        let models: Vec<&str> = match &self.models {
            Some(outer) => listed
                .into_iter()
                .filter(|model| outer.contains(model))
                .collect(),
            None => listed,
        };
        let site = Site::of(file, list);
        if models.is_empty() && !narrowed.unsure {
            errors.push(self.nothing_left(owner, site, list.value.is_empty()));
            narrowed.unsure = true;
        }
        narrowed.models = Some(models);
        narrowed
            .lists
            .push((site, format!("the models of {owner}")));
        narrowed
    }

    fn nothing_left(&self, owner: &str, site: Site, is_empty: bool) -> Diagnostic {
        let error = Diagnostic::new(site, format!("{owner} can use no model"));
        if is_empty {
            return error.help("leave `models` out to allow what the level above allows");
        }
        let error = error.help("every list from the organization to the key must allow a model");
        self.lists.iter().fold(error, |error, (site, label)| {
            error.and(*site, label.as_str())
        })
    }

    /// The list by which a model may not be used, if it is so.
    pub(crate) fn excludes(&self, model: &str) -> Option<Site> {
        let models = self.models.as_ref().filter(|_| !self.unsure)?;
        let (site, _) = self.lists.last()?;
        (!models.contains(&model)).then_some(*site)
    }

    /// For the document: sorted; `None`: all.
    pub(crate) fn to_names(&self) -> Option<Vec<String>> {
        let models = self.models.as_ref()?;
        Some(models.iter().map(|model| (*model).to_owned()).collect())
    }
}

/// Own names of the listed models, sorted, each once.
fn resolve<'a>(
    file: usize,
    list: &Texts,
    catalog: &Catalog<'a>,
    errors: &mut Vec<Diagnostic>,
) -> Vec<&'a str> {
    let mut models: BTreeMap<&str, Site> = BTreeMap::new();
    for name in &list.value {
        let Some(model) = catalog.resolve(file, name, errors) else {
            continue;
        };
        let site = Site::of(file, name);
        if let Some(earlier) = models.insert(model, site) {
            let message = format!("the model `{model}` is listed twice");
            errors.push(Diagnostic::new(site, message).and(earlier, "first here"));
        }
    }
    models.into_keys().collect()
}
