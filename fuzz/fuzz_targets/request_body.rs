//! Whatever a client sends as a body: what is forwarded reads again as the same request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::api::Api;
use tollgate_core::request::Request;

const APIS: [Api; 5] =
    [Api::ChatCompletions, Api::Completions, Api::Responses, Api::Messages, Api::Embeddings];

fuzz_target!(|body: &[u8]| {
    for api in APIS {
        let Ok(request) = Request::read(api, body) else {
            continue;
        };
        let most = (request.size().is_ok() && api.has_output()).then_some(7);
        if let Ok(Some(rewritten)) = request.rewrite(None, true, most) {
            let again = Request::read(api, rewritten.as_bytes()).expect("what we write we can read");
            if most.is_some() {
                let size = again.size().expect("a size that was one is one");
                assert_eq!(size.max_output, most, "what binds is what servers read");
            }
            assert_eq!(again.model, request.model);
            assert_eq!(again.stream, request.stream);
            assert!(again.wants_usage_event || !request.stream);
        }
    }
});
