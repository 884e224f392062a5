//! Until when a certificate is valid: of all that it says, the one thing that is wanted.

use chrono::{DateTime, NaiveDateTime, Utc};
use rustls::pki_types::{CertificateDer, pem::PemObject};

/// The end of the first certificate's validity.
pub(super) fn valid_until(pem: &[u8]) -> Option<DateTime<Utc>> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    // Certificate → tbsCertificate → [version], serialNumber, signature, issuer, validity → notBefore, notAfter.
    let (_, whole, _) = element(&certificate)?;
    let (_, signed, _) = element(whole)?;
    let (tag, _, after_first) = element(signed)?;
    let mut rest = if tag == 0xa0 { after_first } else { signed };
    for _ in ["serialNumber", "signature", "issuer"] {
        (_, _, rest) = element(rest)?;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    let text = str::from_utf8(text).ok()?;
    // UTCTime has two digits of the year, of which those below 50 are of this century.
    let text = match (tag, text.get(..2)?.parse::<u8>().ok()?) {
        (0x17, ..50) => format!("20{text}"),
        (0x17, _) => format!("19{text}"),
        (_, _) => text.to_owned(),
    };
    NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok().map(|time| time.and_utc())
}

/// A DER element's tag and content, and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        length = 0;
        for _ in 0..(first & 0x7f).min(4) {
            let (&byte, after) = rest.split_first()?;
            length = length << 8 | usize::from(byte);
            rest = after;
        }
    }
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}
