//! A bundle in a folder: an OCI image layout (image-spec, image-layout.md), and the signature
//! beside it for whom wants to mount it.

use crate::bundle::{Built, Bundle, Forms};
use crate::digest::Digest;
use crate::error::{Result, refused};
use crate::manifest::{Descriptor, Document, Index, MAX_MANIFEST, Manifest, WASM_CONFIG, to_json};
use crate::signature::SIGNATURE_FILE;
use crate::{MAX_MODULE, read_at_most};
use anyhow::{Context, anyhow};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

const MARK: (&str, &[u8]) = ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
const BLOBS: &str = "blobs/sha256";
const INDEX: &str = "index.json";
/// Two forms, and on each an SBOM and a signature.
const MAX_MANIFESTS: usize = 6;

impl Built {
    /// Writes it to a folder that is not there yet, or empty. It appears whole or not at all.
    ///
    /// # Errors
    /// When it holds anything, or can't be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let shown = folder.display();
        let parent = folder.parent().filter(|it| !it.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let prepare = || {
            fs::create_dir_all(parent)?;
            let mut new = tempfile::Builder::new();
            let open = Permissions::from_mode(0o755);
            new.prefix(".bundle-").permissions(open).tempdir_in(parent)
        };
        let new = prepare().with_context(|| format!("can't write to {shown}"))?;
        let index = to_json(&self.bundle.index)?;
        self.fill(new.path(), &index)
            .with_context(|| format!("can't write to {shown}"))?;
        match fs::rename(new.path(), folder) {
            Ok(()) => {
                // There is nothing left to remove.
                let _ = new.keep();
                Ok(())
            }
            // What an earlier build left would be pushed with this one.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                Err(anyhow!("{shown} is not empty").into())
            }
            Err(error) => Err(anyhow!(error).context(format!("can't make {shown}")).into()),
        }
    }

    fn fill(&self, folder: &Path, index: &[u8]) -> io::Result<()> {
        let blobs = folder.join(BLOBS);
        fs::create_dir_all(&blobs)?;
        for (digest, content) in &self.bundle.blobs {
            fs::write(blobs.join(digest.hex()), content)?;
        }
        if let Some(signature) = &self.signature {
            fs::write(folder.join(SIGNATURE_FILE), signature)?;
        }
        fs::write(folder.join(MARK.0), MARK.1)?;
        fs::write(folder.join(INDEX), index)
    }
}

impl Bundle {
    /// Reads what [`Built::write`] wrote, and holds each file against its digest.
    ///
    /// # Errors
    /// When a file can't be read; refused if one is not what the index says, or a form is missing.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(INDEX);
        let index = read_at_most(&file, MAX_MANIFEST)?;
        let index: Index = serde_json::from_slice(&index)
            .map_err(|error| refused(format!("{}: {error}", file.display())))?;
        if index.manifests.len() > MAX_MANIFESTS {
            return Err(refused(format!(
                "{} names {} manifests, and a bundle has {MAX_MANIFESTS} at most",
                file.display(),
                index.manifests.len()
            )));
        }
        let mut files = Files {
            folder,
            blobs: BTreeMap::new(),
        };
        let (mut image, mut wasm) = (None, None);
        for listed in &index.manifests {
            match files.document(listed)? {
                Document::Index(platforms) => {
                    for platform in platforms.manifests.iter().take(MAX_MANIFESTS) {
                        files.parts(platform)?;
                    }
                    image = Some(listed.digest);
                }
                Document::Manifest(manifest) if manifest.config.media_type == WASM_CONFIG => {
                    files.parts(listed)?;
                    wasm = Some(listed.digest);
                }
                Document::Manifest(_) => files.parts(listed)?,
            }
        }
        let (Some(image), Some(wasm)) = (image, wasm) else {
            return Err(refused(format!(
                "{} is no bundle: it has not both an image and a Wasm artifact",
                folder.display()
            )));
        };
        Ok(Self {
            index,
            blobs: files.blobs,
            forms: Forms { image, wasm },
        })
    }
}

/// What was read so far.
struct Files<'a> {
    folder: &'a Path,
    blobs: BTreeMap<Digest, Vec<u8>>,
}

impl Files<'_> {
    fn document(&mut self, listed: &Descriptor) -> Result<Document> {
        Document::parse(listed.digest, self.blob(listed, MAX_MANIFEST)?)
    }

    /// A manifest with its config and its layer.
    fn parts(&mut self, listed: &Descriptor) -> Result<()> {
        let manifest = Manifest::parse(listed.digest, self.blob(listed, MAX_MANIFEST)?)?;
        let [layer] = manifest.layers.as_slice() else {
            let (digest, count) = (listed.digest, manifest.layers.len());
            return Err(refused(format!("{digest} has {count} layers, not one")));
        };
        for part in [&manifest.config, layer] {
            self.blob(part, MAX_MODULE)?;
        }
        Ok(())
    }

    fn blob(&mut self, of: &Descriptor, most: u64) -> Result<&[u8]> {
        let content = match self.blobs.entry(of.digest) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                // A digest is digits alone: no text of the index becomes a path.
                let path = self.folder.join(BLOBS).join(of.digest.hex());
                let content = read_at_most(&path, most)?;
                of.check(&path.display().to_string(), &content)?;
                free.insert(content)
            }
        };
        Ok(content)
    }
}
