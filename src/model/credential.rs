//! The credentials that are issued: prefix + public id + `_` + secret + checksum. Random, so a hash under the pepper
//! is all that is kept of one; checked for typing mistakes before anything is looked up.

use std::{fmt, str::FromStr};

use secrecy::{ExposeSecret, SecretString};

use super::{KeyId, TokenId};

const ID_LENGTH: usize = 16;
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Text that is not a credential: wrong form, or a checksum that does not fit (a typing mistake).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `{prefix}`, 16 characters, `_` and 49 characters with a valid checksum")]
pub struct InvalidCredential {
    prefix: &'static str,
}

macro_rules! credential {
    ($(#[$doc:meta])* $name:ident, $id:ty, $prefix:literal) => {
        $(#[$doc])*
        pub struct $name {
            id: $id,
            whole: SecretString,
        }

        impl $name {
            // Never change a prefix: what was issued would stop working.
            const PREFIX: &'static str = $prefix;

            /// Makes one of 256 random bits.
            pub fn generate() -> Result<Self, getrandom::Error> {
                generate(Self::PREFIX)?.parse().map_err(|_| getrandom::Error::UNSUPPORTED)
            }

            /// The public half.
            pub fn id(&self) -> &$id {
                &self.id
            }

            /// All of it.
            pub fn whole(&self) -> &SecretString {
                &self.whole
            }
        }

        impl FromStr for $name {
            type Err = InvalidCredential;

            fn from_str(text: &str) -> Result<Self, InvalidCredential> {
                let invalid = InvalidCredential { prefix: Self::PREFIX };
                let id = public_id(Self::PREFIX, text).ok_or(invalid)?.parse().map_err(|_| invalid)?;
                Ok(Self { id, whole: text.to_owned().into() })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.id)
            }
        }
    };
}

credential!(
    /// A tenant's whole key in the clear: shown once when issued, read from a request, never kept.
    ApiKey, KeyId, "rf_"
);
credential!(
    /// An operator's whole API token in the clear: shown once when issued, read from a request, never kept.
    ApiToken, TokenId, "rfo_"
);

impl ApiKey {
    /// Joins what an SDK sends apart: `client_id` is the key id, `client_secret` the secret and checksum.
    pub fn from_client(client_id: &str, client_secret: &str) -> Result<Self, InvalidCredential> {
        format!("{}{client_id}_{client_secret}", Self::PREFIX).parse()
    }

    /// Whether a text has all of a key's form but the checksum.
    pub fn is_mistyped(text: &str) -> bool {
        form(Self::PREFIX, text)
            .is_some_and(|(id, unchecked, sum)| id.parse::<KeyId>().is_ok() && checksum(unchecked) != sum)
    }

    /// The secret and checksum, which an SDK sends as `client_secret`.
    pub fn client_secret(&self) -> SecretString {
        let start = Self::PREFIX.len() + ID_LENGTH + 1;
        self.whole.expose_secret().get(start..).unwrap_or_default().to_owned().into()
    }
}

fn generate(prefix: &str) -> Result<String, getrandom::Error> {
    let mut random = [0_u8; ID_LENGTH + 32];
    getrandom::fill(&mut random)?;
    let (id, secret) = random.split_at(ID_LENGTH);
    let id: String = id.iter().map(|byte| char::from(pick(BASE32, usize::from(byte % 32)))).collect();
    let unchecked = format!("{prefix}{id}_{}", base62(secret));
    let checksum = checksum(&unchecked);
    Ok(format!("{unchecked}{checksum}"))
}

/// The public half of a credential of the right form, whose own alphabet its id type checks.
fn public_id<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    let (id, unchecked, sum) = form(prefix, text)?;
    (checksum(unchecked) == sum).then_some(id)
}

/// The id, all before the checksum, and the checksum.
fn form<'a>(prefix: &str, text: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let (id, secret) = text.strip_prefix(prefix)?.split_once('_')?;
    let base62 = secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if secret.len() != SECRET_LENGTH + CHECKSUM_LENGTH || !base62 {
        return None;
    }
    let (unchecked, sum) = text.split_at_checked(text.len() - CHECKSUM_LENGTH)?;
    Some((id, unchecked, sum))
}

/// CRC-32 of all before it, in base62, padded to six characters.
fn checksum(text: &str) -> String {
    let mut value = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = pick(BASE62, (value % 62) as usize);
        value /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// Writes 256 bits as 43 base62 digits, most significant first.
fn base62(bytes: &[u8]) -> String {
    let mut number = bytes.to_vec();
    let mut digits = [b'0'; SECRET_LENGTH];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_usize;
        for byte in &mut number {
            let value = remainder * 256 + usize::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or_default();
            remainder = value % 62;
        }
        *digit = pick(BASE62, remainder);
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

fn pick(alphabet: &[u8], index: usize) -> u8 {
    alphabet.get(index).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{prelude::*, sample::Index};

    use super::*;

    #[test]
    fn a_generated_credential_reads_back() {
        let key = ApiKey::generate().unwrap();
        let again: ApiKey = key.whole().expose_secret().parse().unwrap();
        assert_eq!(again.id(), key.id());
        let token = ApiToken::generate().unwrap();
        let again: ApiToken = token.whole().expose_secret().parse().unwrap();
        assert_eq!(again.id(), token.id());
    }

    #[test]
    fn a_key_comes_back_from_the_halves_that_an_sdk_sends() {
        let key = ApiKey::generate().unwrap();
        let secret = key.client_secret();
        let again = ApiKey::from_client(key.id().as_str(), secret.expose_secret()).unwrap();
        assert_eq!(again.whole().expose_secret(), key.whole().expose_secret());
        assert_eq!(secret.expose_secret().len(), SECRET_LENGTH + CHECKSUM_LENGTH);
    }

    #[test]
    fn the_form_is_the_one_that_was_promised() {
        // A key as an older release could have issued it: it must go on working.
        let known = format!("rf_abcdefghijklmnop_{}", "0".repeat(SECRET_LENGTH));
        let sum = checksum(&known);
        assert_eq!(sum, "0Xek3X");
        assert_eq!(format!("{known}{sum}").parse::<ApiKey>().unwrap().id().as_str(), "abcdefghijklmnop");
    }

    #[test]
    fn a_mistyped_key_is_told_from_what_is_no_key() {
        let key = ApiKey::generate().unwrap();
        let text = key.whole().expose_secret();
        let (start, last) = text.split_at(text.len() - 1);
        let mistyped = format!("{start}{}", if last == "x" { "y" } else { "x" });
        assert!(ApiKey::is_mistyped(&mistyped));
        let token = ApiToken::generate().unwrap();
        for other in [text, token.whole().expose_secret(), "", "rf_", start, "rf_abcdefghijklmnop_x"] {
            assert!(!ApiKey::is_mistyped(other), "{other}");
        }
    }

    #[test]
    fn a_key_is_no_token_and_a_token_is_no_key() {
        let key = ApiKey::generate().unwrap();
        let token = ApiToken::generate().unwrap();
        assert!(key.whole().expose_secret().parse::<ApiToken>().is_err());
        assert!(token.whole().expose_secret().parse::<ApiKey>().is_err());
    }

    #[test]
    fn no_two_are_the_same() {
        let made: HashSet<String> = (0..2_000)
            .map(|_| ApiKey::generate().unwrap().client_secret().expose_secret().to_owned())
            .collect();
        assert_eq!(made.len(), 2_000);
    }

    #[test]
    fn a_credential_is_not_shown_by_debug() {
        let key = ApiKey::generate().unwrap();
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("ApiKey({})", key.id()));
    }

    #[test]
    fn the_largest_secret_still_fits() {
        assert_eq!(base62(&[0xff; 32]).len(), SECRET_LENGTH);
        assert_ne!(base62(&[0xff; 32]), base62(&[0xfe; 32]));
    }

    proptest! {
        #[test]
        fn any_altered_character_is_refused(at in any::<Index>(), other in any::<char>()) {
            let key = ApiKey::generate().unwrap();
            let mut text: Vec<char> = key.whole().expose_secret().chars().collect();
            let at = at.index(text.len());
            prop_assume!(text[at] != other);
            text[at] = other;
            prop_assert!(text.iter().collect::<String>().parse::<ApiKey>().is_err());
        }

        #[test]
        fn a_cut_or_lengthened_credential_is_refused(cut in 1_usize..70, more in "[0-9A-Za-z]{1,8}") {
            let token = ApiToken::generate().unwrap();
            let text = token.whole().expose_secret();
            prop_assert!(text[..text.len() - cut].parse::<ApiToken>().is_err());
            let longer = format!("{text}{more}");
            prop_assert!(longer.parse::<ApiToken>().is_err());
        }

        #[test]
        fn no_text_at_all_makes_it_panic(text in ".*") {
            let _ = text.parse::<ApiKey>();
            let _ = format!("rf_{text}").parse::<ApiKey>();
        }
    }
}
