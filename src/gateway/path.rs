//! Canonical paths: what was checked is what is sent.
//!
//! A path that could be read in two ways (`..`, `%2e`, `%2f`, `//`, `;`, a backslash) is refused instead of repaired.
//! What passes is decoded once, into segments; the path that goes upstream is built anew from those.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::denial::Invalid;

/// What must be encoded in a path segment (RFC 3986: all but unreserved characters; a stricter set is still right).
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'/')
    .add(b'%')
    .add(b'\\')
    .add(b'^')
    .add(b'|')
    .add(b'[')
    .add(b']')
    .add(b'@')
    .add(b':')
    .add(b'&')
    .add(b'=')
    .add(b'+')
    .add(b'$')
    .add(b',');

/// Longer paths are no Genesys paths.
const MAX_LENGTH: usize = 2_048;

/// A path that can be read in one way only, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CanonicalPath<'p>(Cow<'p, str>);

impl<'p> CanonicalPath<'p> {
    /// Reads a request's path; one doubled leading slash passes, as a trailing slash in an SDK's host makes it.
    pub(super) fn read(path: &'p str) -> Result<Self, Invalid> {
        let path = match path.strip_prefix("//") {
            Some(rest) if !rest.starts_with('/') => path.get(1..).unwrap_or_default(),
            Some(_) | None => path,
        };
        let rest = path.strip_prefix('/').ok_or_else(not_canonical)?;
        if path.len() > MAX_LENGTH || !path.is_ascii() {
            return Err(not_canonical());
        }
        if !rest.is_empty() && !rest.split('/').all(is_canonical) {
            return Err(not_canonical());
        }
        let decoded = percent_decode_str(path).decode_utf8().map_err(|_| not_canonical())?;
        Ok(Self(decoded))
    }

    /// Below which the API stands: `/api/v2`, also where an SDK's gateway configuration adds its own `api`.
    pub(super) fn api(&self) -> &str {
        match self.0.strip_prefix("/api/api/v2/") {
            Some(_) => self.0.get("/api".len()..).unwrap_or_default(),
            None => &self.0,
        }
    }

    /// Whether it is where access tokens are issued: the login path of every SDK, and of the tutorials.
    pub(super) fn is_login(&self) -> bool {
        matches!(self.0.as_ref(), "/oauth/token" | "/login/oauth/token" | "/api/v2/oauth/token")
    }
}

/// Whether a segment, as sent, can be read in one way only.
fn is_canonical(segment: &str) -> bool {
    // Nearly every segment is plain, and needs no decoding to be told so.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !segment.is_empty() && segment.bytes().all(plain) {
        return true;
    }
    let Ok(decoded) = percent_decode_str(segment).decode_utf8() else { return false };
    // An encoded character that needs no encoding is a disguise.
    let disguised = segment.split('%').skip(1).any(|after| {
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_none_or(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
    });
    let ambiguous = decoded
        .chars()
        .any(|character| matches!(character, '/' | '\\' | ';' | '%' | '\u{fffd}') || character.is_control());
    !decoded.is_empty() && !disguised && !ambiguous && decoded != "." && decoded != ".."
}

/// Fills a template's parameters in, each as one encoded segment.
pub(super) fn build(template: &str, parameters: &[(String, String)]) -> String {
    template.split('/').skip(1).fold(String::with_capacity(template.len() + 36), |mut path, segment| {
        path.push('/');
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let value = name.and_then(|name| parameters.iter().find(|(other, _)| other == name));
        match value {
            Some((_, value)) => path.extend(utf8_percent_encode(value, SEGMENT)),
            None => path.push_str(segment),
        }
        path
    })
}

fn not_canonical() -> Invalid {
    Invalid::new(
        "ringfence.path_not_canonical",
        "The path can be read in more than one way. Send it without `.` and `..` segments, empty segments, `;`, \
         backslashes and needless or encoded separators.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_pass_and_mounts_are_known() {
        let read = |path| CanonicalPath::read(path).unwrap();
        assert_eq!(read("/api/v2/users").api(), "/api/v2/users");
        assert_eq!(read("/api/api/v2/users").api(), "/api/v2/users");
        assert_eq!(read("//api/v2/users").api(), "/api/v2/users");
        assert_eq!(read("/api/v2/users/a%40b").api(), "/api/v2/users/a@b");
        for login in ["/oauth/token", "//oauth/token", "/login/oauth/token", "/api/v2/oauth/token"] {
            assert!(read(login).is_login(), "{login}");
        }
        assert!(!read("/api/v2/users").is_login());
    }

    #[test]
    fn a_path_with_two_readings_is_refused() {
        for path in [
            "",
            "api/v2",
            "///api/v2",
            "/api//v2",
            "/api/v2/",
            "/api/./v2",
            "/api/../v2",
            "/api/%2e%2e/v2",
            "/api/.%2e/v2",
            "/api/%2E/v2",
            "/api/v2/a%2fb",
            "/api/v2/a%2Fb",
            "/api/v2/a%5cb",
            "/api/v2/a\\b",
            "/api/v2/a;b",
            "/api/v2/a%3bb",
            "/api/v2/a%00",
            "/api/v2/%61",
            "/api/v2/%252e",
            "/api/v2/%zz",
            "/api/v2/%f",
            "/api/v2/%ff",
            "/api/v2/%0a",
            "/api/v2/é",
        ] {
            assert!(CanonicalPath::read(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_parameter_stays_one_segment() {
        let parameters = [("userId".to_owned(), "../oauth?x#y".to_owned())];
        assert_eq!(build("/api/v2/users/{userId}", &parameters), "/api/v2/users/..%2Foauth%3Fx%23y");
    }
}
