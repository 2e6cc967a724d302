//! Whatever stands in a rule file: it compiles to a document that loads, or it is explained.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::policy::Policy;
use tollgate_policy::Source;

fuzz_target!(|text: &str| {
    let sources = [Source { name: "rules.yaml".to_owned(), text: text.to_owned() }];
    match tollgate_policy::compile(&sources) {
        Ok(document) => {
            Policy::load(&tollgate_policy::to_json(&document)).expect("it loads");
        }
        Err(diagnostics) => assert!(!tollgate_policy::render(&diagnostics, &sources).is_empty()),
    }
});
