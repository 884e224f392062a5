//! `Idempotency-Key`: a call that changes something and is sent twice is made once.
//!
//! A caller whose connection broke does not know whether its queue was made. With a key of its own beside the call it may
//! send it again: the first is *claimed*, and its intent committed, before it is forwarded, and whoever comes second
//! finds the claim, here or on another replica.
//!
//! | the first | the repeat |
//! |---|---|
//! | was answered | gets the same answer, from what was kept of it; nothing is sent |
//! | is under way | 409, [`Repeat::InProgress`] |
//! | ended, nobody knows how | 409, [`Repeat::EffectUnknown`]: it is never made again |
//! | took no effect | is a first one: the claim was never made, or was given back |
//! | asked for something else | 422, [`Repeat::Reused`] |
//!
//! An example: alpha posts a user with the key `order-17` and loses the connection. The call goes on in a task of its own,
//! the user is made, the guarded answer is kept. Alpha sends it again, and gets the answer with `Idempotency-Replayed: true`.
//! Beta's `order-17` is another claim, and so is that of another of alpha's keys: a claim's name says whose it is.
//!
//! **In types**: what is scoped and carries a claim is [`Unclaimed`](super::scope::Unclaimed); only what is
//! [`Ready`](super::scope::Ready) is forwarded, and claiming is the way from one to the other.
//!
//! **What is kept** is what was released: guarded, masked, sealed, for 24 hours. It is given out again only while the
//! permit covers all that it was made under.

mod kept;
mod once;
mod repeat;

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) use self::{kept::mark, repeat::Repeat};
use super::{authenticate::Caller, denial::Invalid};
use crate::{catalog::Operation, model::Claim, secret::ClaimKey};

static KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_KEY: usize = 255;

/// What a request asks, as its caller sent it.
pub(super) struct Sent<'r> {
    pub(super) path: &'r str,
    pub(super) query: &'r str,
    pub(super) body: &'r [u8],
}

/// What a call is claimed by. A key that was rotated claims what those before it did.
pub(super) fn claim(
    claims: &ClaimKey,
    (caller, operation): (&Caller, &Operation),
    key: &str,
    sent: &Sent<'_>,
) -> Claim {
    let (tenant, origin) = (&caller.key().tenant_id, &caller.key().origin);
    let whose = [tenant.as_str(), origin.as_str(), &operation.id, key];
    // The order of parameters means nothing.
    let mut query: Vec<_> = sent.query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let query = query.join("&");
    let what = [operation.method.as_bytes(), sent.path.as_bytes(), query.as_bytes(), sent.body];
    Claim {
        name: claims.name(&whose.map(str::as_bytes)),
        fingerprint: claims.fingerprint(&what),
        tenant_id: tenant.clone(),
    }
}

/// The key that a request came with, where its operation takes one. What reads may be sent again anyway: there it means
/// nothing. Whoever sends it with a change that does not take it would rely on it in vain.
pub(super) fn read<'h>(
    headers: &'h HeaderMap,
    operation: &Operation,
) -> Result<Option<Cow<'h, str>>, Invalid> {
    if !headers.contains_key(&KEY) || !operation.is_write() {
        return Ok(None);
    }
    if !operation.idempotency_key {
        let message = "This operation takes no `Idempotency-Key`, so the key would not keep it from being done twice: leave \
                       it out. `/gateway/v1/operations` says which operations take one.";
        return Err(Invalid::new("ringfence.idempotency_key_unsupported", message));
    }
    let mut values = headers.get_all(&KEY).iter();
    let key = match (values.next(), values.next()) {
        (Some(one), None) => parse(one),
        _ => None,
    };
    key.map(Some).ok_or_else(|| {
        let message = format!(
            "Send one `Idempotency-Key`: 1 to {MAX_KEY} visible ASCII characters, as they are or in double quotes."
        );
        Invalid::new("ringfence.idempotency_key_invalid", message)
    })
}

/// A bare token, or the string that the draft has (RFC 9651, 3.3.3): both are the same key.
fn parse(value: &HeaderValue) -> Option<Cow<'_, str>> {
    let text = value.to_str().ok()?;
    let key = match text.strip_prefix('"') {
        None => Cow::Borrowed(text),
        Some(rest) => Cow::Owned(unquote(rest.strip_suffix('"')?)?),
    };
    let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    (is_visible && (1..=MAX_KEY).contains(&key.len())).then_some(key)
}

fn unquote(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(one) = characters.next() {
        match one {
            '"' => return None,
            '\\' => out.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<String> {
        parse(&HeaderValue::from_str(text).unwrap()).map(Cow::into_owned)
    }

    #[test]
    fn a_key_is_a_token_or_a_string_and_nothing_else() {
        assert_eq!(parsed("order-17").as_deref(), Some("order-17"));
        assert_eq!(parsed("\"order-17\""), parsed("order-17"));
        assert_eq!(parsed(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
        assert_eq!(parsed(&"k".repeat(255)), Some("k".repeat(255)));
        assert_eq!(parsed(&format!("\"{}\"", "k".repeat(255))), Some("k".repeat(255)));
        for text in [
            "",
            "\"\"",
            "\"",
            "a b",
            "\"a b\"",
            "a\tb",
            "\"a",
            "a\u{e4}",
            "\"a\"b\"",
            "\"a\\\"",
            "\"a\\n\"",
            "\"a\", \"b\"",
            "\"a\";v=1",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!(parsed(&"k".repeat(256)), None);
    }

    proptest! {
        #[test]
        fn each_key_has_one_form_however_it_is_written(key in "[!#-~][!-~]{0,254}") {
            let quoted = format!("\"{}\"", key.replace('\\', r"\\").replace('"', r#"\""#));
            prop_assert_eq!(parsed(&quoted), Some(key.clone()));
            prop_assert_eq!(parsed(&key), Some(key));
        }
    }
}
