//! Whatever a client asks for: only the known endpoints are forwarded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::api::{Endpoint, classify};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (method, path) = input;
    if let Ok(Endpoint::Inference(_)) = classify(method, path, Some("/v1/usage")) {
        assert_eq!(method, b"POST");
        assert!(path.starts_with(b"/v1/"));
        let before_query = path.split(|&byte| byte == b'?').next().unwrap_or_default();
        assert!(!before_query.contains(&b'%') && !before_query.contains(&b'.'));
    }
});
