//! Whatever a client sends as a body: what is forwarded reads again as the same request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::api::Api;
use tollgate_core::policy::Policy;
use tollgate_core::request::Request;

const APIS: [Api; 5] =
    [Api::ChatCompletions, Api::Completions, Api::Responses, Api::Messages, Api::Embeddings];

const POLICY: &str = r#"{"format": 2, "version": "0123456789abcdef", "models": [{"name": "m",
    "targets": [{"name": "t", "model": "m", "weight": 1, "upstreams": ["default"]}]}]}"#;

fuzz_target!(|body: &[u8]| {
    let policy = Policy::load(POLICY.as_bytes()).expect("the policy is one");
    let (_, model) = policy.models().next().expect("it has a model");
    for api in APIS {
        let Ok(request) = Request::read(api, body) else {
            continue;
        };
        let most = (request.size(model, true).is_ok() && api.has_output()).then_some(7);
        if let Ok(Some(rewritten)) = request.rewrite(None, true, most) {
            let again = Request::read(api, rewritten.as_bytes()).expect("what we write we can read");
            if most.is_some() {
                let size = again.size(model, true).expect("a size that was one is one");
                assert_eq!(size.max_output, most, "what binds is what servers read");
            }
            assert_eq!(again.model, request.model);
            assert_eq!(again.stream, request.stream);
            assert!(again.wants_usage_event || !request.stream);
        }
    }
});
