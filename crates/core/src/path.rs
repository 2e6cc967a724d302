//! Request paths: what of them is decided on, and the one decoding that is allowed.

/// The path before `?`.
pub fn without_query(path: &[u8]) -> &[u8] {
    match memchr::memchr(b'?', path) {
        Some(at) => path.get(..at).unwrap_or(path),
        None => path,
    }
}

/// The query after `?`, if any.
pub fn query(path: &[u8]) -> Option<&[u8]> {
    let at = memchr::memchr(b'?', path)?;
    path.get(at.checked_add(1)?..)
}

/// Percent-decodes a model's id. `None` when it is malformed, or not a name that could be one
/// (empty, control characters, dot or empty segments), so that no path hides in it.
pub fn decode_model_id(text: &str) -> Option<String> {
    let id = percent_decode(text)?;
    let hides_path = id
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."));
    let harmless = !hides_path && !id.chars().any(|c| c.is_control() || c == '\\' || c == '%');
    harmless.then_some(id)
}

/// Percent-decodes UTF-8 text; `None` when it is malformed.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (digits, tail) = rest.split_first_chunk::<2>()?;
            let digits = std::str::from_utf8(digits).ok()?;
            let valid = digits.bytes().all(|d| d.is_ascii_hexdigit());
            bytes.push(valid.then(|| u8::from_str_radix(digits, 16).ok())??);
            rest = tail;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
