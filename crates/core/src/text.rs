//! Text that a client chose, made safe to show.

/// Most characters of it that are ever repeated.
const LONGEST: usize = 128;

/// Client bytes as bounded, printable ASCII: other bytes appear as `\xNN`, and what is cut is
/// marked by `…`.
pub fn printable(bytes: &[u8]) -> String {
    let shown = bytes.get(..LONGEST).unwrap_or(bytes);
    let mut text = shown.escape_ascii().to_string();
    if shown.len() < bytes.len() {
        text.push('…');
    }
    text
}
