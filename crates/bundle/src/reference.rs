//! Where something is in a registry: `REGISTRY/REPOSITORY` with a tag to push to, or with the
//! digest to pull by. The registry is always named; there is no default one.

use crate::digest::Digest;
use crate::version::Version;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Docker's registry, which has another host for its API, and official images at its root.
pub(crate) const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";
const DOCKER_HUB_ROOT: &str = "library";

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    registry: String,
    repository: String,
}

/// Where to push, and under which tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The repository.
    pub location: Location,
    /// Left out: the bundle's version.
    pub tag: Option<Version>,
}

/// What a tag names, which changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// The repository.
    pub location: Location,
    /// The tag.
    pub tag: Version,
}

/// What to pull. It has a digest: what a tag names changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The repository.
    pub location: Location,
    /// The manifest's.
    pub digest: Digest,
}

impl Location {
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    /// Where it answers.
    pub(crate) fn host(&self) -> &str {
        match &*self.registry {
            DOCKER_HUB => DOCKER_HUB_HOST,
            other => other,
        }
    }

    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }

    /// Whether the registry is on this machine: what goes there is seen by nobody else.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = match self.registry.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.registry,
        };
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = text.escape_debug();
        let (registry, repository) = text
            .split_once('/')
            .filter(|(registry, _)| names_a_host(registry))
            .ok_or_else(|| format!("`{shown}` names no registry: write REGISTRY/REPOSITORY"))?;
        if repository.len() > 255 || !repository.split('/').all(is_component) {
            return Err(format!(
                "`{}` can't be a repository: lower-case letters and digits, between them `.`, `_` \
                 and `-`, in parts that `/` separates",
                repository.escape_debug()
            ));
        }
        let repository = match (registry, repository.contains('/')) {
            (DOCKER_HUB, false) => format!("{DOCKER_HUB_ROOT}/{repository}"),
            _ => repository.to_owned(),
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository,
        })
    }
}

/// A name has a dot or a port, or is `localhost`; else it would be a repository's first part.
fn names_a_host(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    text.bytes().all(known) && (text == "localhost" || text.contains(['.', ':']))
}

/// The grammar of distribution-spec, "Pulling manifests", but for doubled separators.
fn is_component(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let edge = |byte: Option<u8>| byte.is_some_and(inner);
    edge(text.bytes().next())
        && edge(text.bytes().last())
        && text
            .bytes()
            .all(|byte| inner(byte) || b"._-".contains(&byte))
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.find('/').unwrap_or(0);
        let (location, tag) = match text[path..].find(':') {
            Some(colon) => (&text[..path + colon], Some(&text[path + colon + 1..])),
            None => (text, None),
        };
        Ok(Self {
            location: location.parse()?,
            tag: tag.map(str::parse).transpose()?,
        })
    }
}

impl FromStr for Tagged {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Target { location, tag } = text.parse()?;
        let tag = tag.ok_or_else(|| {
            format!(
                "`{}` names no tag: write REGISTRY/REPOSITORY:TAG",
                text.escape_debug()
            )
        })?;
        Ok(Self { location, tag })
    }
}

impl FromStr for Pinned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (location, digest) = text.split_once('@').ok_or_else(|| {
            format!(
                "`{}` names no digest, and what a tag names can change: write \
                 REGISTRY/REPOSITORY@sha256:DIGEST",
                text.escape_debug()
            )
        })?;
        Ok(Self {
            location: location.parse()?,
            digest: digest.parse()?,
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

impl fmt::Display for Tagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.location, self.tag)
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.location, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_repository_is_refused() {
        for wrong in [
            "",
            "a",
            "a/b",
            "localhost",
            "localhost/",
            "/b",
            "r.io/A",
            "r.io/a//b",
            "r.io/../b",
            "r.io/a?b",
            "r.io/a/",
            "r.io/a b",
            "user:pass@r.io/a",
            "https://r.io/a",
        ] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong}");
        }
        let target: Target = "localhost:5000/a/b-c:1.2".parse().unwrap();
        assert_eq!(target.location.to_string(), "localhost:5000/a/b-c");
        assert_eq!(target.tag, Some("1.2".parse().unwrap()));
        assert!("localhost:5000/a:1/2".parse::<Target>().is_err());
    }

    #[test]
    fn dockers_registry_is_known_by_its_name() {
        let location = |text: &str| text.parse::<Location>().unwrap();
        assert_eq!(location("docker.io/a").to_string(), "docker.io/library/a");
        assert_eq!(location("docker.io/a/b").to_string(), "docker.io/a/b");
        assert_eq!(location("docker.io/a").host(), "registry-1.docker.io");
        assert_eq!(location("r.io/a").host(), "r.io");
    }

    #[test]
    fn only_a_tag_is_resolved() {
        for wrong in [
            "r.io/a",
            "a:1",
            "r.io/a:",
            &format!("r.io/a@{}", Digest::of(b"")),
        ] {
            assert!(wrong.parse::<Tagged>().is_err(), "{wrong}");
        }
        let tagged: Tagged = "r.io:5000/a:v1".parse().unwrap();
        assert_eq!(tagged.to_string(), "r.io:5000/a:v1");
    }

    #[test]
    fn only_a_digest_pins() {
        for wrong in [
            "r.io/a",
            "r.io/a:latest",
            "r.io/a@latest",
            "r.io/a:1@sha256:00",
        ] {
            assert!(wrong.parse::<Pinned>().is_err(), "{wrong}");
        }
        let pinned = format!("r.io/a@{}", Digest::of(b""));
        assert_eq!(pinned.parse::<Pinned>().unwrap().to_string(), pinned);
    }

    #[test]
    fn this_machine_is_known_by_its_addresses() {
        for (registry, loopback) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.2:5000", true),
            ("[::1]:5000", true),
            ("r.io", false),
            ("127.0.0.1.r.io", false),
            ("localhost.r.io:80", false),
            ("10.0.0.1:5000", false),
        ] {
            let location: Location = format!("{registry}/a").parse().unwrap();
            assert_eq!(location.is_loopback(), loopback, "{registry}");
        }
    }
}
