//! Where a bundle's parts can be had: a registry, or the bundle itself.

use crate::digest::Digest;
use crate::error::Result;
use crate::manifest::Descriptor;

/// Where content is looked for. What it gives is not believed.
pub(crate) trait Origin {
    /// The manifest or index of that digest, bounded; refused if it is not there.
    fn manifest(&self, digest: Digest) -> Result<Vec<u8>>;

    /// The blob of that digest, of at most so many bytes; refused if it is not there.
    fn blob(&self, digest: Digest, most: u64) -> Result<Vec<u8>>;

    /// What is said to refer to a manifest; none is no error.
    fn referrers(&self, digest: Digest) -> Result<Vec<Descriptor>>;
}
