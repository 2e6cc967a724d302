//! Organization rules to the document's organizations, teams and keys.

use crate::allow_list::AllowList;
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Site};
use crate::limits::{self, Limits};
use crate::names::{self, Kind};
use crate::rules::{KeyRule, LimitRule, OrganizationRule, RuleFile, TeamRule, Text, Texts};
use crate::values;
use serde_saphyr::Spanned;
use std::collections::{BTreeMap, HashMap};
use tollgate_core::document::{Key, Limit, Organization, Team};
use tollgate_core::secret::Hash;

/// All accounts, in any order.
#[derive(Default)]
pub(crate) struct Accounts {
    pub(crate) organizations: Vec<Organization>,
    pub(crate) teams: Vec<Team>,
    /// Each with the bytes of its hash, which give the document its order.
    pub(crate) keys: Vec<(Hash, Key)>,
}

pub(crate) fn compile<'a>(
    files: &'a [RuleFile],
    catalog: &Catalog<'a>,
    limits: &mut Limits<'_, 'a>,
    errors: &mut Vec<Diagnostic>,
) -> Accounts {
    let mut compiler = Compiler {
        catalog,
        limits,
        errors,
        accounts: Accounts::default(),
        hashes: HashMap::new(),
    };
    let mut seen: BTreeMap<&str, Site> = BTreeMap::new();
    for (file, rules) in files.iter().enumerate() {
        for (name, rule) in rules.organizations.iter() {
            let site = Site::of(file, name);
            if let Some(earlier) = seen.insert(&name.value, site) {
                let message = format!("the organization `{}` is defined twice", name.value);
                compiler
                    .errors
                    .push(Diagnostic::new(site, message).and(earlier, "first here"));
            }
            compiler.organization(file, name, rule);
        }
    }
    compiler.accounts
}

struct Compiler<'c, 'l, 'a> {
    catalog: &'c Catalog<'a>,
    limits: &'c mut Limits<'l, 'a>,
    errors: &'c mut Vec<Diagnostic>,
    accounts: Accounts,
    /// Where each secret's hash was first given, and the key's path.
    hashes: HashMap<Hash, (Site, String)>,
}

impl<'a> Compiler<'_, '_, 'a> {
    fn organization(&mut self, file: usize, name: &Text, rule: &OrganizationRule) {
        names::check(Kind::Organization, file, name, self.errors);
        let organization = &name.value;
        let owner = format!("the organization `{organization}`");
        let allowed = self.narrow(&AllowList::default(), &owner, file, rule.models.as_ref());
        let account = format!("organization:{organization}");
        let limits = self.limits(file, account, &allowed, &rule.limits);
        self.accounts.organizations.push(Organization {
            name: organization.clone(),
            limits,
        });
        for (name, rule) in rule.teams.iter() {
            self.team(file, organization, name, rule, &allowed);
        }
    }

    fn team(
        &mut self,
        file: usize,
        organization: &str,
        name: &Text,
        rule: &TeamRule,
        allowed: &AllowList<'a>,
    ) {
        names::check(Kind::Team, file, name, self.errors);
        let path = format!("{organization}/{}", name.value);
        let owner = format!("the team `{path}`");
        let allowed = self.narrow(allowed, &owner, file, rule.models.as_ref());
        let limits = self.limits(file, format!("team:{path}"), &allowed, &rule.limits);
        self.accounts.teams.push(Team {
            name: name.value.clone(),
            organization: organization.to_owned(),
            models: allowed.to_names(),
            limits,
        });
        for (name, rule) in rule.keys.iter() {
            self.key(file, &path, name, rule, &allowed);
        }
    }

    fn key(
        &mut self,
        file: usize,
        team: &str,
        name: &Text,
        rule: &KeyRule,
        allowed: &AllowList<'a>,
    ) {
        names::check(Kind::Key, file, name, self.errors);
        let path = format!("{team}/{}", name.value);
        let owner = format!("the key `{path}`");
        let own = self.narrow(allowed, &owner, file, rule.models.as_ref());
        let key = Key {
            hash: String::new(),
            name: name.value.clone(),
            team: team.to_owned(),
            expires: rule
                .expires
                .as_ref()
                .map(|date| values::date(file, date, self.errors)),
            disabled: rule.disabled,
            cidrs: rule
                .cidrs
                .as_ref()
                .map_or_else(Vec::new, |list| self.networks(file, list)),
            models: rule.models.as_ref().and_then(|_| own.to_names()),
            limits: self.limits(file, format!("key:{path}"), &own, &rule.limits),
        };
        if let Some(hash) = self.hash(file, name, path, rule) {
            self.accounts.keys.push((hash, key));
        }
    }

    fn limits(
        &mut self,
        file: usize,
        name: String,
        models: &AllowList<'a>,
        rules: &[Spanned<LimitRule>],
    ) -> Vec<Limit> {
        let account = limits::Account { name, models };
        self.limits.compile(file, &account, rules, self.errors)
    }

    fn hash(&mut self, file: usize, name: &Text, path: String, rule: &KeyRule) -> Option<Hash> {
        let Some(text) = &rule.hash else {
            let error = Diagnostic::new(
                Site::of(file, name),
                format!("the key `{path}` has no `hash`"),
            );
            self.errors
                .push(error.help("`tollgate keys mint` makes a secret and its hash"));
            return None;
        };
        let site = Site::of(file, text);
        let hash = match values::hash(&text.value) {
            Ok(hash) => hash,
            Err(problem) => {
                self.errors.push(bad_hash(site, &text.value, &problem));
                return None;
            }
        };
        if let Some((earlier, other)) = self.hashes.get(&hash) {
            let message = format!("the keys `{other}` and `{path}` have one secret");
            self.errors
                .push(Diagnostic::new(site, message).and(*earlier, "first here"));
        } else {
            self.hashes.insert(hash, (site, path));
        }
        Some(hash)
    }

    fn networks(&mut self, file: usize, list: &Texts) -> Vec<String> {
        if list.value.is_empty() {
            let error = Diagnostic::new(Site::of(file, list), "no network is listed");
            self.errors
                .push(error.help("leave `cidrs` out to allow every address"));
        }
        let mut networks: BTreeMap<_, Site> = BTreeMap::new();
        for text in &list.value {
            let site = Site::of(file, text);
            match values::network(&text.value) {
                Ok(network) => {
                    if let Some(earlier) = networks.insert(network, site) {
                        let message = format!("the network `{network}` is listed twice");
                        self.errors
                            .push(Diagnostic::new(site, message).and(earlier, "first here"));
                    }
                }
                Err((problem, meant)) => {
                    let error = Diagnostic::new(site, format!("`{}` {problem}", text.value));
                    let help = match meant {
                        Some(network) => format!("the network is `{network}`"),
                        None => {
                            "a network is written as `10.0.0.0/8` or `2001:db8::/32`".to_owned()
                        }
                    };
                    self.errors.push(error.help(help));
                }
            }
        }
        networks
            .into_keys()
            .map(|network| network.to_string())
            .collect()
    }

    fn narrow(
        &mut self,
        outer: &AllowList<'a>,
        owner: &str,
        file: usize,
        list: Option<&Texts>,
    ) -> AllowList<'a> {
        outer.narrow(owner, file, list, self.catalog, self.errors)
    }
}

/// People paste the secret itself here. It is not printed again, and its hash is offered.
fn bad_hash(site: Site, text: &str, problem: &str) -> Diagnostic {
    let error = Diagnostic::new(site, format!("the hash {problem}"));
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let digest = tollgate_core::secret::hash(digits.as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let help =
            format!("if this is a secret, others may have read it here; its hash is sha256:{hex}");
        return error.help(help).hidden();
    }
    if digits.len() == 64 {
        return error.help(format!("write `sha256:{digits}`"));
    }
    error.help("64 hex digits of the SHA-256 of the whole secret")
}
