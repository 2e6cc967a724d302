//! A repository of a registry (opencontainers/distribution-spec 1.1), over HTTP.
//!
//! What a registry answers is bounded before it is read and held against a digest after. Content
//! goes encrypted, but to this machine or where that is asked for; credentials have no exception
//! but this machine.

mod auth;
pub(crate) mod resolve;
mod upload;

use crate::digest::Digest;
use crate::error::{Result, refused, shown};
use crate::manifest::{Descriptor, INDEX, Index, MANIFEST, MAX_MANIFEST};
use crate::origin::Origin;
use crate::reference::Location;
use anyhow::{Context, anyhow};
use auth::Login;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{Method, Request, Response, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, ResponseExt};

type Answer = Response<Body>;

/// Errors of a registry are a page at most.
const MAX_PAGE: u64 = 64 << 10;
const USER_AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// What is to be done there, which is what a token is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Pull,
    /// Reading and writing.
    Push,
}

/// A repository that can be asked.
pub struct Repository {
    agent: Agent,
    location: Location,
    base: String,
    login: Login,
}

impl Repository {
    /// Connects to nothing yet. HTTP without TLS is used on this machine, and elsewhere only with
    /// `plain_http`. Credentials are those of Docker's configuration, if it has some.
    ///
    /// # Errors
    /// When Docker's configuration, or its credential helper, can't be read, or the machine has no
    /// authorities to know a registry by.
    pub fn open(location: &Location, access: Access, plain_http: bool) -> Result<Self> {
        let plain = plain_http || location.is_loopback();
        let scheme = if plain { "http" } else { "https" };
        Ok(Self {
            login: Login::new(location, access, plain)?,
            agent: agent(plain, location.is_loopback())?,
            location: location.clone(),
            base: format!(
                "{scheme}://{}/v2/{}",
                location.host(),
                location.repository()
            ),
        })
    }

    fn get(&self, path: &str, accept: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let url = format!("{}/{path}", self.base);
        let mut answer = self.send(Method::GET, &url, &[(header::ACCEPT, accept)], None)?;
        match answer.status().as_u16() {
            200 => read(&mut answer, &url, most).map(Some),
            404 => Ok(None),
            _ => Err(unexpected("GET", &url, &mut answer)),
        }
    }

    fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(header::HeaderName, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer> {
        let answer = self.send_once(&method, url, headers, body)?;
        // Who asks for a login must be the registry, not where it has sent us.
        if answer.status() != 401 || !self.is_own(&answer.get_uri().to_string()) {
            return Ok(answer);
        }
        let challenges = answer.headers().get_all(header::WWW_AUTHENTICATE);
        self.login.answer(&self.agent, challenges)?;
        self.send_once(&method, url, headers, body)
    }

    fn send_once(
        &self,
        method: &Method,
        url: &str,
        headers: &[(header::HeaderName, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        // A registry may send us elsewhere to upload: that host gets no login of ours.
        if let Some(authorization) = self.login.authorization().filter(|_| self.is_own(url)) {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let answer = match body {
            Some(body) => self.agent.run(request.body(body)?),
            None => self.agent.run(request.body(())?),
        };
        Ok(answer.with_context(|| format!("{method} {}", without_query(url)))?)
    }

    fn is_own(&self, url: &str) -> bool {
        let origin = |url: &str| {
            let url: Uri = url.parse().ok()?;
            Some((url.scheme()?.clone(), url.authority()?.clone()))
        };
        origin(url).is_some() && origin(url) == origin(&self.base)
    }

    fn list(&self, path: &str) -> Result<Option<Vec<Descriptor>>> {
        let Some(content) = self.get(path, INDEX, MAX_MANIFEST)? else {
            return Ok(None);
        };
        let index: Index = serde_json::from_slice(&content).map_err(|error| {
            refused(format!(
                "{}: the list of referrers can't be read: {error}",
                self.location
            ))
        })?;
        Ok(Some(index.manifests))
    }
}

impl Origin for Repository {
    fn manifest(&self, digest: Digest) -> Result<Vec<u8>> {
        let accept = format!("{INDEX}, {MANIFEST}");
        let content = self.get(&format!("manifests/{digest}"), &accept, MAX_MANIFEST)?;
        content.ok_or_else(|| refused(format!("{} has no manifest {digest}", self.location)))
    }

    fn blob(&self, digest: Digest, most: u64) -> Result<Vec<u8>> {
        let content = self.get(&format!("blobs/{digest}"), "*/*", most)?;
        content.ok_or_else(|| refused(format!("{} has no blob {digest}", self.location)))
    }

    /// By the referrers API; where there is none, by the tag that stands in for it.
    fn referrers(&self, digest: Digest) -> Result<Vec<Descriptor>> {
        if let Some(listed) = self.list(&format!("referrers/{digest}"))? {
            return Ok(listed);
        }
        let listed = self.list(&format!("manifests/{}", fallback_tag(digest)))?;
        Ok(listed.unwrap_or_default())
    }
}

/// distribution-spec, "Referrers Tag Schema".
fn fallback_tag(digest: Digest) -> String {
    format!("sha256-{}", digest.hex())
}

fn agent(plain: bool, loopback: bool) -> Result<Agent> {
    let seconds = |count| Some(Duration::from_secs(count));
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .https_only(!plain)
        .user_agent(USER_AGENT)
        .max_redirects(3)
        .timeout_connect(seconds(10))
        .timeout_send_body(seconds(300))
        .timeout_recv_response(seconds(60))
        .timeout_recv_body(seconds(300));
    if loopback {
        config = config.proxy(None);
    } else {
        // Even with `plain_http`: a token may be had elsewhere, and encrypted.
        config = config.tls_config(tls()?);
    }
    Ok(config.build().new_agent())
}

/// With the machine's authorities, which `SSL_CERT_FILE` can name.
fn tls() -> Result<TlsConfig> {
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<_> = found
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(": {error}"));
        let why = why.unwrap_or_default();
        return Err(anyhow!("the machine has no certificates of authorities{why}").into());
    }
    let provider = rustls::crypto::ring::default_provider();
    Ok(TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(provider))
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build())
}

fn read(answer: &mut Answer, url: &str, most: u64) -> Result<Vec<u8>> {
    let body = answer.body_mut().with_config().limit(most).read_to_vec();
    match body {
        Ok(body) => Ok(body),
        Err(ureq::Error::BodyExceedsLimit(_)) => Err(refused(format!(
            "{} answered with more than {most} bytes",
            without_query(url)
        ))),
        Err(error) => Err(anyhow!(error).context(without_query(url).to_owned()).into()),
    }
}

/// With what the registry says of it (distribution-spec, "Error Codes"), as far as that is short.
fn unexpected(method: &str, url: &str, answer: &mut Answer) -> crate::Error {
    #[derive(serde::Deserialize)]
    struct Page {
        errors: Vec<Problem>,
    }
    #[derive(serde::Deserialize)]
    struct Problem {
        code: String,
        #[serde(default)]
        message: String,
    }
    let status = answer.status();
    let page = read(answer, url, MAX_PAGE).unwrap_or_default();
    let page = serde_json::from_slice::<Page>(&page).ok();
    let said = page.and_then(|page| page.errors.into_iter().next());
    let said = said.map(|it| format!(": {}: {}", shown(&it.code), shown(&it.message)));
    let said = said.unwrap_or_default();
    anyhow!(
        "{method} {} was answered with {status}{said}",
        without_query(url)
    )
    .into()
}

/// For messages: a query may hold a state that is worth something.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}
