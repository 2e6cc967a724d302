//! Whatever an upstream answers, in two pieces: it passes unchanged where nothing is taken out, and
//! where the pieces are cut does not matter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::response::{Meter, Metered};

fuzz_target!(|input: (&[u8], u16)| {
    let (answer, cut) = input;
    let cut = usize::from(cut).min(answer.len());
    let (whole, in_pieces) = (&[answer][..], &[&answer[..cut], &answer[cut..]][..]);
    assert_eq!(pass(Meter::events(false), in_pieces).0, answer);
    assert_eq!(pass(Meter::events(true), whole), pass(Meter::events(true), in_pieces));
    assert_eq!(pass(Meter::json(), whole), pass(Meter::json(), in_pieces));
});

fn pass(mut meter: Meter, pieces: &[&[u8]]) -> (Vec<u8>, Metered) {
    let mut passed = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let out = meter.push(piece, index + 1 == pieces.len());
        passed.extend_from_slice(out.as_deref().unwrap_or(piece));
    }
    (passed, meter.metered())
}
