//! What a client is told that a limit refuses.

use serde_json::json;

use crate::gateway::{Gateway, document, refusal};

#[test]
fn what_is_larger_than_a_burst_is_told_the_burst() {
    let limits = json!([{"rule": "key:acme/payments/key:tokens/minute", "measure": "tokens",
        "amount": "600", "per": "minute", "burst": 5}]);
    let mut gateway = Gateway::new(&document(&json!(null), &limits));
    let body = json!({"model": "chat", "messages": [], "max_tokens": 100});
    let (status, code, message) = refusal(&gateway.chat(&body).1.unwrap_err());
    assert_eq!((status, &*code), (400, "request_exceeds_limit"));
    assert!(
        message.contains("larger than 5 tokens at once"),
        "{message}"
    );
}
