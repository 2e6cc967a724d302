//! Request bodies in flight, of all streams of this VM.

use std::cell::RefCell;

use tollgate_core::refusal::Refusal;
use tollgate_core::secret::Hash;
use tollgate_core::uploads::{Upload, Uploads};

thread_local! {
    static UPLOADS: RefCell<Uploads> = RefCell::default();
}

/// A request body in flight; its share is given back when this goes, however the stream ends.
pub(crate) struct UploadGuard(Option<Upload>);

impl UploadGuard {
    pub(crate) fn admit(key: Option<Hash>, length: Option<u64>) -> Result<Self, Refusal> {
        UPLOADS
            .with_borrow_mut(|uploads| uploads.admit(key, length))
            .map(|u| Self(Some(u)))
    }

    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        match &mut self.0 {
            Some(upload) => UPLOADS.with_borrow_mut(|uploads| uploads.grow(upload, bytes)),
            None => Ok(()),
        }
    }

    /// Whether the host holds much more for the body than its length.
    pub(crate) fn is_sparse(&self) -> bool {
        self.0.as_ref().is_some_and(Upload::is_sparse)
    }

    pub(crate) fn packed(&mut self) {
        if let Some(upload) = &mut self.0 {
            upload.packed();
        }
    }

    pub(crate) fn complete(&mut self, bytes: u64) {
        if let Some(upload) = &mut self.0 {
            UPLOADS.with_borrow_mut(|uploads| uploads.complete(upload, bytes));
        }
    }
}

impl Drop for UploadGuard {
    fn drop(&mut self) {
        if let Some(upload) = self.0.take() {
            UPLOADS.with_borrow_mut(|uploads| uploads.release(upload));
        }
    }
}
