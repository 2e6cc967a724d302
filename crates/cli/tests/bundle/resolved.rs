//! What a tag names.

use crate::place::Place;
use crate::registry::Registry;
use crate::server::{Server, answer, ok};
use std::process::Output;

fn resolve(place: &Place, reference: &str) -> Output {
    place.run(&["images", "resolve", reference])
}

#[test]
fn a_tag_is_resolved_to_the_digest_of_the_index_or_the_manifest() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let place = Place::new();
    let at = format!("{}/tollgate/gateway", registry.address);
    let built = place.build("bundle", &[]);
    place.done(&["bundle", "push", "bundle", &at]);
    for (tag, form) in [("1.0", "image"), ("1.0-wasm", "wasm")] {
        let said = place.done(&["images", "resolve", &format!("{at}:{tag}")]);
        assert_eq!(said, format!("{at}@{}\n", built[form]));
    }
}

#[test]
fn a_tag_that_is_not_there_is_refused() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let place = Place::new();
    for repository in ["tollgate/gateway", "nothing"] {
        let at = format!("{}/{repository}", registry.address);
        let said = place.fails(1, &["images", "resolve", &format!("{at}:9.9")]);
        assert_eq!(said, format!("refused: {at} has no tag 9.9\n"));
    }
}

/// What stands in front of a registry answers for it: its page must not become a digest.
#[test]
fn a_page_is_no_image() {
    let place = Place::new();
    let page = b"<html><title>Sign in</title></html>";
    for (given, why) in [
        (
            answer("200 OK", "content-type: text/html\r\n", page),
            "it can't be read: expected value at line 1 column 1",
        ),
        (
            ok(b""),
            "it can't be read: EOF while parsing a value at line 1 column 0",
        ),
        (ok(br#"{"schemaVersion": 2}"#), "it is of type ``"),
    ] {
        let at = format!("{}/a:1.0", Server::always(given).address);
        let said = place.fails(1, &["images", "resolve", &at]);
        assert_eq!(said, format!("refused: {at} is no image: {why}\n"));
    }
}

#[test]
fn what_can_not_be_asked_is_exit_code_2() {
    let place = Place::new();
    for reference in ["localhost:1/a", "a:1", "localhost:1/a:1"] {
        assert_eq!(resolve(&place, reference).status.code(), Some(2));
    }
}
