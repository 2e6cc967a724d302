//! Request bodies in flight, bounded before they are buffered: per key, so that one key's slow
//! uploads leave the others served, and per VM, so that memory is bounded.

use std::collections::BTreeMap;

use crate::refusal::Refusal;
use crate::secret::Hash;

/// Largest body, in bytes. A route of the proxy may allow less, never more: what is announced to be
/// larger is refused before it is sent.
pub const LARGEST_BODY: u64 = 32 << 20;
/// Bodies in flight of one key, in bytes.
pub const PER_KEY: u64 = 64 << 20;
/// Bodies in flight in one VM (one Envoy worker), in bytes.
pub const PER_VM: u64 = 256 << 20;
/// What an upload is counted as at least, so that many empty ones are bounded too.
const LEAST: u64 = 64 << 10;

/// The bodies that one VM is receiving, by the hash of their key, which outlives policies.
#[derive(Debug, Default)]
pub struct Uploads {
    total: u64,
    keys: BTreeMap<Option<Hash>, u64>,
}

/// One upload's share. It must be given back by [`Uploads::release`].
#[derive(Debug)]
pub struct Upload {
    key: Option<Hash>,
    bytes: u64,
}

impl Uploads {
    /// Admits an upload that declares `length` bytes, if it declares any.
    ///
    /// # Errors
    /// 413, 429 or 503; nothing is counted then.
    pub fn admit(&mut self, key: Option<Hash>, length: Option<u64>) -> Result<Upload, Refusal> {
        let length = length.unwrap_or(0);
        if length > LARGEST_BODY {
            return Err(Refusal::BodyTooLarge {
                length,
                limit: LARGEST_BODY,
            });
        }
        let mut upload = Upload { key, bytes: 0 };
        self.grow(&mut upload, length.max(LEAST))?;
        Ok(upload)
    }

    /// Counts what has arrived, where that is more than was declared.
    ///
    /// # Errors
    /// 429 or 503; the upload then keeps its earlier share until it is released.
    pub fn grow(&mut self, upload: &mut Upload, bytes: u64) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(upload.bytes);
        if more == 0 {
            return Ok(());
        }
        let of_key = self
            .keys
            .get(&upload.key)
            .copied()
            .unwrap_or(0)
            .saturating_add(more);
        let total = self.total.saturating_add(more);
        if of_key > PER_KEY {
            return Err(Refusal::TooManyUploads { limit: PER_KEY });
        }
        if total > PER_VM {
            return Err(Refusal::UploadMemoryFull);
        }
        self.keys.insert(upload.key, of_key);
        self.total = total;
        upload.bytes = bytes;
        Ok(())
    }

    /// Gives an upload's share back.
    pub fn release(&mut self, upload: Upload) {
        self.total = self.total.saturating_sub(upload.bytes);
        let left = self
            .keys
            .get(&upload.key)
            .copied()
            .unwrap_or(0)
            .saturating_sub(upload.bytes);
        if left == 0 {
            self.keys.remove(&upload.key);
        } else {
            self.keys.insert(upload.key, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_can_not_take_the_others_room() {
        let mut uploads = Uploads::default();
        let mut held = Vec::new();
        let refusal = loop {
            match uploads.admit(None, Some(1 << 20)) {
                Ok(upload) => held.push(upload),
                Err(refusal) => break refusal,
            }
        };
        assert_eq!(held.len(), 64);
        assert_eq!(refusal.status(), 429);
        for upload in held {
            uploads.release(upload);
        }
        assert_eq!((uploads.total, uploads.keys.len()), (0, 0));
    }

    #[test]
    fn what_is_refused_is_not_counted() {
        let mut uploads = Uploads::default();
        let refusal = uploads.admit(None, Some(LARGEST_BODY + 1)).unwrap_err();
        assert_eq!(refusal.status(), 413);
        let mut upload = uploads.admit(None, None).unwrap();
        assert!(uploads.grow(&mut upload, PER_KEY + 1).is_err());
        assert_eq!(uploads.total, LEAST);
        uploads.grow(&mut upload, PER_KEY).unwrap();
        uploads.release(upload);
        assert_eq!((uploads.total, uploads.keys.len()), (0, 0));
    }
}
