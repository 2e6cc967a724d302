//! Request bodies in flight, bounded before they are buffered: per key, so that one key's uploads
//! leave the others served, and per VM, so that memory is bounded.
//!
//! A key answers for what it announces, so that most of an excess is refused before it is sent. The
//! VM counts what has arrived, so that announcements alone take nothing from others. A body counts
//! until its stream ends: the proxy keeps it that long, to be able to retry.
//!
//! The proxy holds a body in the slices in which it was read. Many small pieces would make it hold
//! many times what they count as, so a body whose slices are mostly empty is to be packed
//! ([`Upload::is_sparse`]): a body of n bytes is held in at most n + n/2 + 64 KiB.

use std::collections::BTreeMap;

use crate::refusal::Refusal;
use crate::secret::Hash;

/// Largest body, in bytes. A route of the proxy may allow less, never more: what is announced to be
/// larger is refused before it is sent.
pub const LARGEST_BODY: u64 = 32 << 20;
/// Bodies in flight of one key, in bytes.
pub const PER_KEY: u64 = 128 << 20;
/// Bodies in flight in one VM (one Envoy worker), in bytes.
pub const PER_VM: u64 = 512 << 20;
/// What a body that is arriving counts as at least, so that many empty ones are bounded too.
const LEAST: u64 = 64 << 10;
/// What one piece may take up beyond its length, at most: Envoy reads into slices of 16 KiB
/// (`Buffer::Slice::default_slice_size_`) and keeps them as they are.
const SLICE: u64 = 16 << 10;

/// The bodies in flight of one VM, by the hash of their key, which outlives policies.
#[derive(Debug, Default)]
pub struct Uploads {
    arrived: u64,
    keys: BTreeMap<Option<Hash>, u64>,
}

/// One body's share. It must be given back by [`Uploads::release`].
#[derive(Debug)]
pub struct Upload {
    key: Option<Hash>,
    /// What its key answers for.
    announced: u64,
    /// What the VM counts.
    arrived: u64,
    /// Its length so far.
    length: u64,
    /// What the proxy may hold for it beyond its length.
    unused: u64,
}

impl Upload {
    /// Whether the proxy may hold so much more than the body's length that it is to be written anew,
    /// in one piece.
    pub fn is_sparse(&self) -> bool {
        self.unused > LEAST.saturating_add(self.length / 2)
    }

    /// The body was written anew, in one piece.
    pub fn packed(&mut self) {
        self.unused = 0;
    }

    fn lengthen(&mut self, length: u64) {
        let piece = length.saturating_sub(self.length);
        // What is missing to whole slices: exact, since 2^64 is a multiple of their size.
        let unused = piece.wrapping_neg() % SLICE;
        self.length = length;
        self.unused = self.unused.saturating_add(unused);
    }
}

impl Uploads {
    /// Admits a body that announces `length` bytes, if it announces any.
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
        let mut upload = Upload {
            key,
            announced: 0,
            arrived: 0,
            length: 0,
            unused: 0,
        };
        self.count(&mut upload, length.max(LEAST), LEAST)?;
        Ok(upload)
    }

    /// Counts what has arrived, `bytes` in all.
    ///
    /// # Errors
    /// 429 or 503; the body then keeps its earlier share until it is released.
    pub fn grow(&mut self, upload: &mut Upload, bytes: u64) -> Result<(), Refusal> {
        let announced = upload.announced.max(bytes);
        self.count(upload, announced, upload.arrived.max(bytes))?;
        upload.lengthen(bytes);
        Ok(())
    }

    /// The body is whole: from here it counts as what it is.
    pub fn complete(&mut self, upload: &mut Upload, bytes: u64) {
        self.set(upload, bytes, bytes);
    }

    /// Gives a body's share back.
    pub fn release(&mut self, mut upload: Upload) {
        self.set(&mut upload, 0, 0);
    }

    fn count(&mut self, upload: &mut Upload, announced: u64, arrived: u64) -> Result<(), Refusal> {
        let of_key = self.of_key(upload).saturating_add(announced);
        if of_key > PER_KEY {
            return Err(Refusal::TooManyUploads { limit: PER_KEY });
        }
        let of_others = self.arrived.saturating_sub(upload.arrived);
        if of_others.saturating_add(arrived) > PER_VM {
            return Err(Refusal::UploadMemoryFull);
        }
        self.set(upload, announced, arrived);
        Ok(())
    }

    fn set(&mut self, upload: &mut Upload, announced: u64, arrived: u64) {
        let of_key = self.of_key(upload).saturating_add(announced);
        if of_key == 0 {
            self.keys.remove(&upload.key);
        } else {
            self.keys.insert(upload.key, of_key);
        }
        self.arrived = self
            .arrived
            .saturating_sub(upload.arrived)
            .saturating_add(arrived);
        upload.announced = announced;
        upload.arrived = arrived;
    }

    /// What the key answers for beside this body.
    fn of_key(&self, upload: &Upload) -> u64 {
        let of_key = self.keys.get(&upload.key).copied().unwrap_or(0);
        of_key.saturating_sub(upload.announced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [Option<Hash>; 5] = [
        Some([1; 32]),
        Some([2; 32]),
        Some([3; 32]),
        Some([4; 32]),
        Some([5; 32]),
    ];

    fn fill(uploads: &mut Uploads, key: Option<Hash>, length: u64) -> (Vec<Upload>, Refusal) {
        let mut held = Vec::new();
        loop {
            match uploads.admit(key, Some(length)) {
                Ok(upload) => held.push(upload),
                Err(refusal) => return (held, refusal),
            }
        }
    }

    #[test]
    fn one_key_can_not_take_the_others_room() {
        let mut uploads = Uploads::default();
        let (held, refusal) = fill(&mut uploads, KEYS[0], 1 << 20);
        assert_eq!((held.len(), refusal.status()), (128, 429));
        let other = uploads.admit(KEYS[1], Some(LARGEST_BODY)).unwrap();
        for upload in held.into_iter().chain([other]) {
            uploads.release(upload);
        }
        assert_eq!((uploads.arrived, uploads.keys.len()), (0, 0));
    }

    #[test]
    fn announcements_alone_take_nothing_from_others() {
        let mut uploads = Uploads::default();
        for key in &KEYS[..4] {
            let (held, _) = fill(&mut uploads, *key, LARGEST_BODY);
            assert_eq!(held.len(), 4);
        }
        assert!(uploads.admit(KEYS[4], Some(LARGEST_BODY)).is_ok());
    }

    #[test]
    fn what_has_arrived_is_bounded() {
        let mut uploads = Uploads::default();
        for key in &KEYS[..4] {
            for mut upload in fill(&mut uploads, *key, LARGEST_BODY).0 {
                uploads.grow(&mut upload, LARGEST_BODY).unwrap();
            }
        }
        assert_eq!(uploads.admit(KEYS[4], None).unwrap_err().status(), 503);
    }

    #[test]
    fn a_whole_body_counts_as_what_it_is() {
        let mut uploads = Uploads::default();
        let mut upload = uploads.admit(KEYS[0], None).unwrap();
        uploads.complete(&mut upload, 10);
        assert_eq!((uploads.arrived, uploads.keys[&KEYS[0]]), (10, 10));
    }

    #[test]
    fn small_pieces_are_packed() {
        let mut uploads = Uploads::default();
        let mut upload = uploads.admit(KEYS[0], Some(LARGEST_BODY)).unwrap();
        let (mut held, mut copied, mut length) = (0, 0, 0);
        for piece in 1..=20_000 {
            length += 600;
            held += SLICE;
            uploads.grow(&mut upload, length).unwrap();
            if upload.is_sparse() {
                upload.packed();
                (held, copied) = (length, copied + length);
            }
            assert!(held <= length + length / 2 + LEAST, "{held} for {length}");
            assert!(copied <= 2 * SLICE * piece, "{copied} after {piece} pieces");
        }
        uploads.release(upload);
    }

    #[test]
    fn whole_slices_need_no_packing() {
        let mut uploads = Uploads::default();
        let mut upload = uploads.admit(KEYS[0], None).unwrap();
        for pieces in 1..=2048 {
            uploads.grow(&mut upload, pieces * SLICE).unwrap();
            assert!(!upload.is_sparse());
        }
        uploads.release(upload);
    }

    #[test]
    fn what_is_refused_is_not_counted() {
        let mut uploads = Uploads::default();
        let refusal = uploads.admit(None, Some(LARGEST_BODY + 1)).unwrap_err();
        assert_eq!(refusal.status(), 413);
        let mut upload = uploads.admit(None, None).unwrap();
        assert!(uploads.grow(&mut upload, PER_KEY + 1).is_err());
        assert_eq!(uploads.arrived, LEAST);
        uploads.grow(&mut upload, PER_KEY).unwrap();
        uploads.release(upload);
        assert_eq!((uploads.arrived, uploads.keys.len()), (0, 0));
    }
}
