//! Who we are to a registry: nobody, or who Docker's configuration says
//! (distribution/distribution, docs/content/spec/auth/token.md).

use super::{Access, read};
use crate::error::{Result, shown};
use crate::reference::{DOCKER_HUB, Location};
use anyhow::{Context, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use http_auth::{ChallengeRef, parse_challenges};
use serde::Deserialize;
use std::cell::RefCell;
use std::fs::File;
use std::path::PathBuf;
use std::{env, io};
use ureq::Agent;
use ureq::http::{HeaderValue, Uri};

const MAX_TOKEN: u64 = 64 << 10;

pub(super) struct Login {
    credentials: Option<(String, String)>,
    /// Whether a token may be fetched without TLS, from the registry's own host alone.
    plain: bool,
    registry: String,
    scope: String,
    authorization: RefCell<Option<HeaderValue>>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Login {
    pub(super) fn new(location: &Location, access: Access, plain: bool) -> Result<Self> {
        // Not even asked for where anybody on the way could read them.
        let credentials = if plain && !location.is_loopback() {
            None
        } else {
            credentials(location.registry())?
        };
        let actions = match access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        Ok(Self {
            credentials,
            plain,
            registry: location.registry().to_owned(),
            scope: format!("repository:{}:{actions}", location.repository()),
            authorization: RefCell::default(),
        })
    }

    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        self.authorization.borrow().clone()
    }

    /// Gets what the challenges ask for; the next request has it.
    pub(super) fn answer<'a>(
        &self,
        agent: &Agent,
        challenges: impl IntoIterator<Item = &'a HeaderValue>,
    ) -> Result<()> {
        // One header may hold several, and several headers are as one (RFC 9110, 5.3).
        let lines = challenges.into_iter().map(HeaderValue::to_str);
        let lines = lines.collect::<std::result::Result<Vec<_>, _>>();
        let text = lines.context("the registry's challenge")?.join(", ");
        let challenges = parse_challenges(&text)
            .map_err(|_| anyhow!("the registry's challenge can't be read: {}", shown(&text)))?;
        let of = |scheme: &str| {
            let mut all = challenges.iter();
            all.find(|each| each.scheme.eq_ignore_ascii_case(scheme))
        };
        let authorization = if let Some(bearer) = of("Bearer") {
            format!("Bearer {}", self.token(agent, bearer)?)
        } else if of("Basic").is_some() {
            self.basic()
                .with_context(|| format!("{} wants a login, and there is none", self.registry))?
        } else {
            return Err(anyhow!("the registry wants a login that is not known here").into());
        };
        let mut authorization: HeaderValue = authorization
            .parse()
            .map_err(|_| anyhow!("the registry's token can't be sent"))?;
        authorization.set_sensitive(true);
        self.authorization.replace(Some(authorization));
        Ok(())
    }

    fn token(&self, agent: &Agent, challenge: &ChallengeRef<'_>) -> Result<String> {
        let parameter = |name: &str| {
            let mut all = challenge.params.iter();
            let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm = parameter("realm").context("the registry's challenge has no realm")?;
        self.check_realm(&realm)?;
        let mut request = agent.get(&realm).query("scope", &self.scope);
        if let Some(service) = parameter("service") {
            request = request.query("service", service);
        }
        if let Some(basic) = self.basic() {
            request = request.header("authorization", basic);
        }
        let mut answer = request.call().with_context(|| shown(&realm))?;
        if answer.status() != 200 {
            let status = answer.status();
            return Err(anyhow!("{} gave no token: {status}", shown(&realm)).into());
        }
        // No text of the answer goes into a message: it may be a token.
        let token: Token = serde_json::from_slice(&read(&mut answer, &realm, MAX_TOKEN)?)
            .map_err(|_| anyhow!("{} gave no token that can be read", shown(&realm)))?;
        let token = token.token.or(token.access_token);
        Ok(token.with_context(|| format!("{} gave no token", shown(&realm)))?)
    }

    /// A registry may name another host for tokens; it must not make us talk to that in the clear.
    fn check_realm(&self, realm: &str) -> anyhow::Result<()> {
        let url: Uri = realm.parse().context("the registry's realm")?;
        let host = url.authority().map(ToString::to_string);
        let own = self.plain && host.as_deref() == Some(&*self.registry);
        if url.scheme_str() != Some("https") && !own {
            bail!(
                "the registry sends us to {} for a token, which is not encrypted",
                shown(realm)
            );
        }
        Ok(())
    }

    fn basic(&self) -> Option<String> {
        let (name, password) = self.credentials.as_ref()?;
        let both = format!("{name}:{password}");
        Some(format!("Basic {}", BASE64.encode(both)))
    }
}

fn credentials(registry: &str) -> Result<Option<(String, String)>> {
    let Some(file) = configuration()? else {
        return Ok(None);
    };
    chosen(
        docker_credential::get_credential_from_reader(file, account(registry)),
        registry,
    )
}

/// Under which name Docker keeps the login.
fn account(registry: &str) -> &str {
    match registry {
        DOCKER_HUB => "https://index.docker.io/v1/",
        other => other,
    }
}

fn chosen(
    found: std::result::Result<DockerCredential, CredentialRetrievalError>,
    registry: &str,
) -> Result<Option<(String, String)>> {
    let unusable = |what| anyhow!("Docker's configuration {what} for {registry}");
    match found {
        Ok(DockerCredential::UsernamePassword(name, password)) => Ok(Some((name, password))),
        Ok(DockerCredential::IdentityToken(_)) => Err(unusable(
            "has an identity token, which is not supported instead of a name and a password,",
        )
        .into()),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // What every helper says that knows none (docker/docker-credential-helpers,
        // credentials/error.go): a public image needs none.
        Err(CredentialRetrievalError::HelperFailure { stdout, .. })
            if stdout.starts_with("credentials not found") =>
        {
            Ok(None)
        }
        // Not its own text: that repeats what a helper printed.
        Err(_) => Err(unusable("can't be read, or its helper gave no login,").into()),
    }
}

/// Where Docker looks for it. None is no error.
fn configuration() -> Result<Option<File>> {
    let folder = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".docker"));
    let Some(folder) = folder.or_else(home) else {
        return Ok(None);
    };
    let file = folder.join("config.json");
    match File::open(&file) {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow!(error)
            .context(format!("can't read {}", file.display()))
            .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helper(stdout: &str) -> Result<Option<(String, String)>> {
        let failure = CredentialRetrievalError::HelperFailure {
            helper: "docker-credential-x".to_owned(),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        };
        chosen(Err(failure), "r.io")
    }

    #[test]
    fn a_helper_that_knows_no_login_is_no_failure_and_one_that_fails_is_not_repeated() {
        let unknown = helper("credentials not found in native keychain\n");
        assert_eq!(unknown.unwrap(), None);
        let said = helper("a-secret").unwrap_err().to_string();
        let expected =
            "Docker's configuration can't be read, or its helper gave no login, for r.io";
        assert_eq!(said, expected);
    }
}
