//! `tollgate bundle`: the module as an OCI artifact, built, pushed and verified.

use crate::failure::Failure;
use crate::registries::{Transport, failure};
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tollgate_bundle::{
    Access, Bundle, Digest, Pinned, Proof, PublicKey, Repository, SIGNATURE_FILE, Sbom, SigningKey,
    Source, Target, Version,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write the module, its SBOM and its signature as an OCI image layout
    Build(Build),
    /// Take a layout to a registry; credentials come from Docker's configuration
    Push(Push),
    /// Verify a file against what is known of it, or what a registry has; exit code 1 if it differs
    Verify(Verify),
    /// Make a key pair for signatures, without a password (`minisign -G` makes one with)
    Keygen {
        /// Where to write: FILE.key, which is secret, and FILE.pub
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct Build {
    /// The module, as it was built
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// What it is called: the tag under which it is pushed
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    version: Version,
    /// The checkout that it was built from; the SBOM is made from its Cargo.lock, by cargo
    #[arg(long, value_name = "DIR", default_value = ".")]
    source: PathBuf,
    /// The module's package in that checkout
    #[arg(long, value_name = "NAME", default_value = "tollgate-gateway")]
    package: String,
    /// A secret key in minisign's format, to sign with
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// The folder to write to; it must be empty or not there
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Args)]
pub(crate) struct Push {
    /// The folder that `build` wrote
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where to; without a tag that is the version, and the Wasm form's has `-wasm` after it
    #[arg(value_name = "REGISTRY/REPOSITORY[:TAG]")]
    target: Target,
    #[command(flatten)]
    transport: Transport,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// What a registry has, in either form
    #[arg(value_name = "REGISTRY/REPOSITORY@DIGEST")]
    reference: Option<Pinned>,
    /// The module's file
    #[arg(long, value_name = "FILE", required_unless_present = "reference")]
    module: Option<PathBuf>,
    /// What its digest must be
    #[arg(long, value_name = "HEX", conflicts_with = "reference", value_parser = sha256)]
    sha256: Option<Digest>,
    /// Its signature, in minisign's format
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "reference",
        requires = "public_key"
    )]
    signature: Option<PathBuf>,
    /// The key that it must be signed by
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    #[command(flatten)]
    transport: Transport,
}

fn sha256(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text.strip_prefix("sha256:").unwrap_or(text))
}

pub(crate) fn run(command: Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Build(arguments) => build(&arguments, out),
        Command::Push(arguments) => push(&arguments, out),
        Command::Verify(arguments) => match &arguments.reference {
            Some(reference) => verify(reference, &arguments, out),
            None => verify_file(&arguments, out),
        },
        Command::Keygen { output } => keygen(&output, out),
    }
}

fn build(arguments: &Build, out: &mut impl Write) -> Result<(), Failure> {
    let module = tollgate_bundle::read_module(&arguments.module).map_err(failure)?;
    let digest = Digest::of(&module);
    let source = Source {
        folder: arguments.source.clone(),
        package: arguments.package.clone(),
    };
    let sbom = Sbom::of(&source, digest, &arguments.version).map_err(failure)?;
    let key = match &arguments.signing_key {
        Some(file) => Some(signing_key(file)?),
        None => None,
    };
    let built = Bundle::build(&module, &arguments.version, &sbom, key.as_ref()).map_err(failure)?;
    built.write(&arguments.output).map_err(failure)?;
    writeln!(out, "module     {digest}")?;
    writeln!(out, "image      {}", built.forms.image)?;
    writeln!(out, "wasm       {}", built.forms.wasm)?;
    writeln!(out, "sbom       {}, {} crates", built.sbom, sbom.crates())?;
    if built.signature.is_some() {
        let file = arguments.output.join(SIGNATURE_FILE);
        writeln!(out, "signature  {}", file.display())?;
    }
    Ok(())
}

fn push(arguments: &Push, out: &mut impl Write) -> Result<(), Failure> {
    let bundle = Bundle::read(&arguments.folder).map_err(failure)?;
    let plain_http = arguments.transport.plain_http;
    let pushed = tollgate_bundle::push(&bundle, &arguments.target, plain_http).map_err(failure)?;
    let (location, tag) = (&pushed.location, &pushed.tag);
    for (form, digest, tag) in [
        ("image", pushed.forms.image, tag.to_string()),
        ("wasm", pushed.forms.wasm, tag.wasm_tag()),
    ] {
        writeln!(out, "{form:<9}  {location}@{digest}  {tag}")?;
    }
    Ok(())
}

fn verify(reference: &Pinned, arguments: &Verify, out: &mut impl Write) -> Result<(), Failure> {
    let key = match &arguments.public_key {
        Some(file) => Some(public_key(file)?),
        None => None,
    };
    let module = match &arguments.module {
        Some(file) => Some(tollgate_bundle::read_module(file).map_err(failure)?),
        None => None,
    };
    let plain_http = arguments.transport.plain_http;
    let repository =
        Repository::open(&reference.location, Access::Pull, plain_http).map_err(failure)?;
    let (digest, module) = (reference.digest, module.as_deref());
    let verified =
        tollgate_bundle::verify(&repository, digest, key.as_ref(), module).map_err(failure)?;
    let (sbom, crates) = (verified.sbom, verified.crates);
    writeln!(out, "{:<9}  {reference}", verified.form)?;
    writeln!(out, "module     {}", verified.module)?;
    writeln!(out, "sbom       {sbom}, {crates} crates")?;
    match (&verified.signed, &arguments.public_key) {
        (Some(version), Some(key)) => {
            writeln!(out, "signature  version {version}, by {}", key.display())?;
        }
        _ => writeln!(out, "signature  not looked at, without --public-key")?,
    }
    Ok(())
}

fn verify_file(arguments: &Verify, out: &mut impl Write) -> Result<(), Failure> {
    let file = arguments.module.as_ref().context("no --module")?;
    let signature = match (&arguments.signature, &arguments.public_key) {
        (Some(signature), Some(key)) => Some((
            tollgate_bundle::read_text(signature).map_err(failure)?,
            public_key(key)?,
        )),
        (None, Some(_)) => return Err(anyhow!("--public-key needs --signature as well").into()),
        _ => None,
    };
    if signature.is_none() && arguments.sha256.is_none() {
        return Err(anyhow!("nothing to verify it by: give --sha256, or --signature").into());
    }
    let proof = Proof {
        sha256: arguments.sha256,
        signature,
    };
    let module = tollgate_bundle::read_module(file).map_err(failure)?;
    let (digest, comment) = tollgate_bundle::verify_file(&module, &proof).map_err(failure)?;
    writeln!(out, "module     {digest}")?;
    if let Some(comment) = comment {
        writeln!(out, "signature  {comment}")?;
    }
    Ok(())
}

fn keygen(output: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let (secret, public) = SigningKey::generate().map_err(failure)?;
    let mut files = Vec::new();
    for (extension, mode, text) in [("key", 0o600, secret), ("pub", 0o644, public)] {
        let mut file = output.to_path_buf().into_os_string();
        file.push(format!(".{extension}"));
        files.push((PathBuf::from(file), mode, text));
    }
    // Never over another: whoever trusts that one would be lost. Nor one half of a pair.
    if let Some((file, ..)) = files
        .iter()
        .find(|(file, ..)| file.symlink_metadata().is_ok())
    {
        return Err(anyhow!("{} is there already", file.display()).into());
    }
    for (file, mode, text) in &files {
        let mut new = OpenOptions::new();
        new.write(true).create_new(true).mode(*mode);
        new.open(file)
            .and_then(|mut opened| opened.write_all(text.as_bytes()))
            .with_context(|| format!("can't write {}", file.display()))?;
        writeln!(out, "{}", file.display())?;
    }
    Ok(())
}

fn signing_key(file: &Path) -> Result<SigningKey, Failure> {
    let text = tollgate_bundle::read_text(file).map_err(failure)?;
    let ask = || rpassword::prompt_password(format!("Password of {}: ", file.display()));
    SigningKey::parse(&text, ask).map_err(failure)
}

fn public_key(file: &Path) -> Result<PublicKey, Failure> {
    let text = tollgate_bundle::read_text(file).map_err(failure)?;
    PublicKey::parse(&text).map_err(failure)
}
