//! The text form of virtual keys. Only their SHA-256 is ever stored, so keys issued elsewhere
//! (`sk-…`) carry over by hash; those minted here can also be recognised when they are damaged.

use sha2::{Digest, Sha256};

/// What a minted key begins with, so that people and secret scanners recognise it.
pub const PREFIX: &str = "sk-tollgate-";

/// Base62 characters that hold 256 bits.
const ENTROPY_LEN: usize = 43;
/// Base62 characters that hold a CRC-32.
const CHECKSUM_LEN: usize = 6;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-256 of the whole secret as the client sends it.
pub type Hash = [u8; 32];

/// Writes 256 random bits as a key: prefix, 43 base62 characters, 6 of checksum.
pub fn mint(entropy: [u8; 32]) -> String {
    let mut key = String::from(PREFIX);
    key.push_str(&base62::<ENTROPY_LEN>(entropy));
    let checksum = crc32fast::hash(key.as_bytes()).to_be_bytes();
    key.push_str(&base62::<CHECKSUM_LEN>(checksum));
    key
}

/// The form in which a policy knows a secret.
pub fn hash(secret: &[u8]) -> Hash {
    Sha256::digest(secret).into()
}

/// Whether this is one of ours that was cut or mistyped: the prefix is right, the rest is not.
pub fn is_damaged(secret: &[u8]) -> bool {
    let Some(rest) = secret.strip_prefix(PREFIX.as_bytes()) else {
        return false;
    };
    let Some((_, checksum)) = rest.split_at_checked(ENTROPY_LEN) else {
        return true;
    };
    let body = secret.strip_suffix(checksum).unwrap_or_default();
    base62::<CHECKSUM_LEN>(crc32fast::hash(body).to_be_bytes()).as_bytes() != checksum
}

/// Big-endian `bytes` in base62, left-padded with `0` to `N` characters.
fn base62<const N: usize>(mut bytes: impl AsMut<[u8]>) -> String {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        let remainder = divide_by_62(bytes.as_mut());
        *digit = ALPHABET
            .get(usize::from(remainder))
            .copied()
            .unwrap_or(b'0');
    }
    digits.iter().map(|&digit| char::from(digit)).collect()
}

/// Long division in place; returns the remainder.
fn divide_by_62(bytes: &mut [u8]) -> u8 {
    let mut remainder: u16 = 0;
    for byte in bytes {
        let value = (remainder << 8) | u16::from(*byte);
        *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
        remainder = value % 62;
    }
    u8::try_from(remainder).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_key_has_a_fixed_form_and_checks_out() {
        let key = mint([0xff; 32]);
        assert_eq!(key.len(), PREFIX.len() + ENTROPY_LEN + CHECKSUM_LEN);
        assert!(!is_damaged(key.as_bytes()));
        assert_ne!(mint([0; 32]), key);
    }

    #[test]
    fn every_changed_or_missing_character_is_noticed() {
        let key = mint(std::array::from_fn(|i| u8::try_from(i * 7).unwrap()));
        for i in PREFIX.len()..key.len() {
            let mut changed = key.clone().into_bytes();
            changed[i] = if changed[i] == b'x' { b'y' } else { b'x' };
            assert!(is_damaged(&changed), "character {i}");
            assert!(is_damaged(&key.as_bytes()[..i]), "cut at {i}");
        }
    }

    #[test]
    fn foreign_keys_are_never_called_damaged() {
        for key in ["", "sk-", "sk-abcdef", "Bearer sk-tollgate-"] {
            assert!(!is_damaged(key.as_bytes()), "{key}");
        }
    }
}
