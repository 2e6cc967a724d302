//! Signatures in minisign's format (jedisct1.github.io/minisign), so that the usual tool can check
//! a mounted module too: `minisign -V -p release.pub -m plugin.wasm`.
//!
//! One signature says everything. It covers the file; its trusted comment, which is signed with it,
//! names the digests of both forms and of the SBOM ([`Statement`]). So there is no second one over
//! a manifest: an image that is not named there is refused, whoever pushed it.

use crate::digest::Digest;
use crate::error::{Result, refused, shown};
use crate::version::Version;
use anyhow::{Context, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use minisign::{KeyPair, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};
use std::fmt;
use std::io::{self, Cursor};
use std::str::FromStr;

/// The signature beside the layout, under the name that `minisign` looks for.
pub const SIGNATURE_FILE: &str = "plugin.wasm.minisig";
pub(crate) const MEDIA_TYPE: &str = "application/vnd.tollgate.signature.v1+minisign";

/// What signs. It is never printed.
pub struct SigningKey(SecretKey);

/// What signatures are checked with.
pub struct PublicKey(minisign::PublicKey);

/// The trusted comment: what else the signer stands for beside the module's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) version: Version,
    pub(crate) module: Digest,
    pub(crate) image: Digest,
    pub(crate) wasm: Digest,
    pub(crate) sbom: Digest,
}

impl SigningKey {
    /// A new pair, without a password: the files' texts, secret and public.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate() -> Result<(String, String)> {
        let pair = KeyPair::generate_unencrypted_keypair()?;
        let secret = pair.sk.to_box(Some("tollgate: a secret key"))?;
        Ok((secret.into_string(), pair.pk.to_box()?.into_string()))
    }

    /// From a secret key file's text. Only if it has a password is that asked for.
    ///
    /// # Errors
    /// When it is no such key, or the password can't be had or is wrong. The text is not in the
    /// message.
    pub fn parse(text: &str, password: impl FnOnce() -> io::Result<String>) -> Result<Self> {
        // Not by the library's way for keys without a password: that wants a checksum, which
        // `minisign -G -W` leaves out.
        let line = text.lines().nth(1);
        let decoded = line.and_then(|line| BASE64.decode(line).ok());
        let key = decoded.and_then(|bytes| SecretKey::from_bytes(&bytes).ok());
        let key = key.context("the signing key is not in minisign's format")?;
        if !key.is_encrypted() {
            return Ok(Self(key));
        }
        let password = password().context("the signing key's password")?;
        let opened = SecretKeyBox::from_string(text)?.into_secret_key(Some(password));
        let wrong = |_| anyhow!("the signing key can't be opened with this password");
        Ok(Self(opened.map_err(wrong)?))
    }

    pub(crate) fn sign(&self, module: &[u8], statement: &Statement) -> Result<String> {
        let public = minisign::PublicKey::from_secret_key(&self.0)?;
        let signature = minisign::sign(
            Some(&public),
            &self.0,
            Cursor::new(module),
            Some(&statement.to_string()),
            Some("signature of a tollgate module"),
        );
        let signature = signature.context("the module can't be signed")?;
        Ok(signature.into_string())
    }
}

impl PublicKey {
    /// From a public key file's text.
    ///
    /// # Errors
    /// When it is no such key.
    pub fn parse(text: &str) -> Result<Self> {
        let key = PublicKeyBox::from_string(text).and_then(PublicKeyBox::into_public_key);
        let key = key.map_err(|_| anyhow!("the public key is not in minisign's format"));
        Ok(Self(key?))
    }

    /// The trusted comment of a signature that is this key's and of this module.
    ///
    /// # Errors
    /// Refused if it is of other bytes, by another key, or of the old kind that covers no comment.
    pub(crate) fn verify(&self, signature: &str, module: &[u8]) -> Result<String> {
        let parsed = SignatureBox::from_string(signature)
            .map_err(|_| refused("the signature is not in minisign's format"))?;
        if parsed.keynum() != self.0.keynum() {
            return Err(refused(format!(
                "the signature is by another key: expected {}, found {}",
                key_id(self.0.keynum()),
                key_id(parsed.keynum())
            )));
        }
        minisign::verify(&self.0, &parsed, Cursor::new(module), true, false, false).map_err(
            |_| {
                let found = Digest::of(module);
                refused(format!(
                    "the signature is not of this module ({found}), or was changed"
                ))
            },
        )?;
        let comment = parsed.trusted_comment();
        comment.map_err(|_| refused("the signature has no trusted comment"))
    }
}

/// As `minisign` shows it.
fn key_id(keynum: &[u8]) -> String {
    let bytes = keynum.iter().rev();
    bytes.map(|byte| format!("{byte:02X}")).collect()
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            module,
            image,
            wasm,
            sbom,
        } = self;
        write!(
            f,
            "tollgate version={version} module={module} image={image} wasm={wasm} sbom={sbom}"
        )
    }
}

impl FromStr for Statement {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("`{}` is not what tollgate signs", shown(text));
        let mut words = text.strip_prefix("tollgate ").ok_or_else(wrong)?.split(' ');
        let mut value = |name: &str| {
            let word = words.next().and_then(|word| word.strip_prefix(name));
            word.and_then(|word| word.strip_prefix('='))
                .ok_or_else(wrong)
        };
        let statement = Self {
            version: value("version")?.parse()?,
            module: value("module")?.parse()?,
            image: value("image")?.parse()?,
            wasm: value("wasm")?.parse()?,
            sbom: value("sbom")?.parse()?,
        };
        words.next().map_or(Ok(statement), |_| Err(wrong()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> io::Result<String> {
        panic!("there is no password to ask for")
    }

    fn statement() -> Statement {
        let digest = |text: &str| Digest::of(text.as_bytes());
        Statement {
            version: "1.2.3".parse().unwrap(),
            module: digest("module"),
            image: digest("image"),
            wasm: digest("wasm"),
            sbom: digest("sbom"),
        }
    }

    fn keys() -> (SigningKey, PublicKey) {
        let (secret, public) = SigningKey::generate().unwrap();
        (
            SigningKey::parse(&secret, nobody).unwrap(),
            PublicKey::parse(&public).unwrap(),
        )
    }

    #[test]
    fn a_signature_is_of_its_module_and_says_what_was_stated() {
        let (secret, public) = keys();
        let signature = secret.sign(b"module", &statement()).unwrap();
        let comment = public.verify(&signature, b"module").unwrap();
        assert_eq!(comment.parse(), Ok(statement()));
    }

    #[test]
    fn every_change_is_refused() {
        let (secret, public) = keys();
        let signature = secret.sign(b"module", &statement()).unwrap();
        let refusal = |signature: &str, module: &[u8]| {
            let error = public.verify(signature, module).unwrap_err();
            error.to_string()
        };
        let changed = format!(
            "the signature is not of this module ({}), or was changed",
            Digest::of(b"another")
        );
        assert_eq!(refusal(&signature, b"another"), changed);
        let comment = signature.replace("version=1.2.3", "version=9.9.9");
        assert!(refusal(&comment, b"module").ends_with("or was changed"));
        let expected = "the signature is not in minisign's format";
        for cut in [0, 10, 60, 120] {
            assert_eq!(refusal(&signature[..cut], b"module"), expected, "{cut}");
        }
        let (stranger, _) = keys();
        let theirs = stranger.sign(b"module", &statement()).unwrap();
        assert!(refusal(&theirs, b"module").starts_with("the signature is by another key: "));
    }

    #[test]
    fn a_statement_is_read_strictly() {
        let text = statement().to_string();
        assert_eq!(text.parse(), Ok(statement()));
        for wrong in [
            "timestamp:1".to_owned(),
            format!("{text} more=1"),
            text.replace("image=", "picture="),
            text.replace(" sbom=", "  sbom="),
            text[..text.len() - 1].to_owned(),
        ] {
            assert!(wrong.parse::<Statement>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_key_is_not_repeated_in_the_message() {
        for wrong in ["a secret", "a secret\nof ours", "a secret\nb2Ygb3Vycw=="] {
            let error = SigningKey::parse(wrong, nobody).err().unwrap();
            let expected = "the signing key is not in minisign's format";
            assert_eq!(error.to_string(), expected);
        }
    }

    /// As `minisign -G -W` writes it, without a checksum.
    #[test]
    fn the_usual_tools_key_signs_as_well() {
        let (secret, public) = SigningKey::generate().unwrap();
        let mut bytes = BASE64.decode(secret.lines().nth(1).unwrap()).unwrap();
        let checksum = bytes.len() - 32;
        bytes[checksum..].fill(0);
        let text = format!("untrusted comment: x\n{}\n", BASE64.encode(&bytes));
        let key = SigningKey::parse(&text, nobody).unwrap();
        let signature = key.sign(b"module", &statement()).unwrap();
        let public = PublicKey::parse(&public).unwrap();
        assert!(public.verify(&signature, b"module").is_ok());
    }
}
