//! Whatever stands in a module's configuration.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::policy::Policy;

fuzz_target!(|document: &[u8]| {
    let _ = Policy::load(document);
});
