//! The image's layer: a gzip'd tar with `plugin.wasm` at its root, and nothing else.
//!
//! That is the "compat" variant which Istio and Envoy Gateway look for: the last layer, of type
//! `application/vnd.oci.image.layer.v1.tar+gzip`, with a file of that name (`extractOCIStandardImage`
//! in istio/istio, pkg/wasm/imagefetcher.go, and in envoyproxy/gateway, internal/wasm/imagefetcher.go).
//! A Kubernetes image volume shows the same file at its root.

use crate::MAX_MODULE;
use crate::digest::Digest;
use crate::error::{Result, refused, shown};
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use std::io::{Read, Write};
use tar::{Archive, EntryType, Header};

pub(crate) const FILE: &str = "plugin.wasm";
/// The module, its header, and the padding after both.
const MAX_TAR: u64 = MAX_MODULE + (64 << 10);
const UNKNOWN_SYSTEM: u8 = 255;

/// A layer, and the digest of its tar: the config's `diff_id`.
pub(crate) struct Layer {
    pub(crate) content: Vec<u8>,
    pub(crate) diff_id: Digest,
}

/// Equal modules give equal layers: no time, no owner, no name of a machine.
pub(crate) fn pack(module: &[u8]) -> Result<Layer> {
    let mut header = Header::new_ustar();
    header.set_path(FILE)?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(module.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, module)?;
    let tar = builder.into_inner()?;

    let mut gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(UNKNOWN_SYSTEM)
        .write(Vec::new(), Compression::best());
    gzip.write_all(&tar)?;
    Ok(Layer {
        content: gzip.finish()?,
        diff_id: Digest::of(&tar),
    })
}

/// The module in a layer whose digest has been checked, and the `diff_id`. Nothing is written
/// anywhere: what the tar says of paths, links and owners is looked at and refused.
pub(crate) fn unpack(content: &[u8]) -> Result<(Vec<u8>, Digest)> {
    let tar = inflate(content)?;
    let diff_id = Digest::of(&tar);
    let wrong = |error: std::io::Error| refused(format!("the layer is no tar: {error}"));
    let mut module = None;
    // Raw: an extension of the format is an entry like any other, and none of ours.
    for entry in Archive::new(&*tar).entries().map_err(wrong)?.raw(true) {
        let mut entry = entry.map_err(wrong)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if name != FILE || kind != EntryType::Regular || module.is_some() {
            return Err(refused(format!(
                "the layer holds more than the file `{FILE}`: {kind:?} `{}`",
                shown(&name)
            )));
        }
        let mut file = Vec::new();
        entry.read_to_end(&mut file).map_err(wrong)?;
        module = Some(file);
    }
    let module = module.ok_or_else(|| refused(format!("the layer has no `{FILE}`")))?;
    Ok((module, diff_id))
}

fn inflate(content: &[u8]) -> Result<Vec<u8>> {
    let mut tar = Vec::new();
    let mut gzip = GzDecoder::new(content);
    gzip.by_ref()
        .take(MAX_TAR + 1)
        .read_to_end(&mut tar)
        .map_err(|error| refused(format!("the layer is no gzip: {error}")))?;
    if tar.len() as u64 > MAX_TAR {
        return Err(refused(format!(
            "the layer unpacks to more than {MAX_TAR} bytes"
        )));
    }
    let rest = gzip.into_inner().len();
    if rest != 0 {
        return Err(refused(format!(
            "{rest} bytes follow the end of the layer's gzip"
        )));
    }
    Ok(tar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::fast());
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    }

    fn tar(entries: &[(&str, EntryType)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind) in entries {
            let mut header = Header::new_ustar();
            // Not `set_path`: that refuses what a hostile tar may hold.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(1);
            header.set_cksum();
            builder.append(&header, &b"x"[..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[track_caller]
    fn is_refused(content: &[u8], expected: &str) {
        match unpack(content) {
            Err(Error::Refused(text)) => assert_eq!(text, expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_packed_comes_out() {
        let layer = pack(b"\0asm1234").unwrap();
        let (module, diff_id) = unpack(&layer.content).unwrap();
        assert_eq!((&*module, diff_id), (&b"\0asm1234"[..], layer.diff_id));
    }

    /// Whatever the machine, the time and the versions of our dependencies: a new one that packs
    /// otherwise would give every release another digest.
    #[test]
    fn a_layer_has_the_digest_that_it_always_had() {
        let byte = |n: u32| (n.wrapping_mul(n) / 97) as u8;
        let module: Vec<u8> = (0..100_000).map(byte).collect();
        let layer = pack(&module).unwrap();
        let expected = "6c761ca6f54a54a757d9acbd5b0fb416d762d629e4619b1f1261a335cb3ab4cc";
        assert_eq!(Digest::of(&layer.content).hex(), expected);
        let expected = "a482bf099d9d2d2a52ae377b11e5487172389cfcf4c2fbc3406beae6815cee6a";
        assert_eq!(layer.diff_id.hex(), expected);
    }

    #[test]
    fn a_layer_that_is_not_ours_is_refused() {
        use EntryType::{Directory, Regular, Symlink, XHeader};
        let file = ("plugin.wasm", Regular);
        for (entries, expected) in [
            (
                &[("../plugin.wasm", Regular)][..],
                "Regular `../plugin.wasm`",
            ),
            (&[("/etc/passwd", Regular)], "Regular `/etc/passwd`"),
            (&[("plugin.wasm", Symlink)], "Symlink `plugin.wasm`"),
            (
                &[("a\u{1b}[31m", Directory), file],
                "Directory `a\\u{1b}[31m`",
            ),
            (&[("pax", XHeader), file], "XHeader `pax`"),
            (&[file, file], "Regular `plugin.wasm`"),
        ] {
            let expected = format!("the layer holds more than the file `plugin.wasm`: {expected}");
            is_refused(&gzip(&tar(entries)), &expected);
        }
        is_refused(&gzip(&tar(&[])), "the layer has no `plugin.wasm`");
    }

    #[test]
    fn what_is_no_gzip_or_unpacks_without_end_is_refused() {
        is_refused(&[0; 64], "the layer is no gzip: invalid gzip header");
        let bomb = gzip(&vec![0; MAX_TAR as usize + 1]);
        assert!(bomb.len() < 400_000);
        is_refused(&bomb, "the layer unpacks to more than 67174400 bytes");
        let mut trailing = pack(b"\0asm").unwrap().content;
        trailing.extend(b"more");
        is_refused(&trailing, "4 bytes follow the end of the layer's gzip");
    }
}
