//! What several sections ask of a URL.

use std::net::IpAddr;

/// The scheme and host of an `http` or `https` URL, or a sentence on what is wrong with it.
pub(super) fn check_http(url: &str) -> Result<http::Uri, String> {
    let wrong =
        || format!("`{}` is not a URL: write it as `https://host` or `http://host:port`", redact(url));
    let uri: http::Uri = url.parse().map_err(|_| wrong())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(uri),
        _ => Err(wrong()),
    }
}

/// Whether the URL's host is this machine by its literal address or as `localhost`.
pub(super) fn is_loopback(uri: &http::Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The URL with its password, if it has one, as `***`.
pub(super) fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (place, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    // SECURITY: up to the last `@`, so that a password that should have been encoded is hidden too.
    let place = match place.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => place.to_owned(),
    };
    format!("{scheme}://{place}{}", redact_query(query))
}

// PostgreSQL URLs may carry the password as a parameter.
fn redact_query(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let redacted: Vec<_> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", redacted.join("&"))
}

/// For `serialize_with`: an optional URL, redacted.
#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
pub(super) fn serialize_redacted<S: serde::Serializer>(
    url: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&url.as_deref().map(redact), serializer)
}

/// Takes a trailing slash off.
pub(super) fn trim_slash(url: &mut Option<String>) {
    if let Some(url) = url {
        url.truncate(url.trim_end_matches('/').len());
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn a_password_is_never_shown() {
        let shown = [
            ("postgres://anna:s3cret@db/ringfence", "postgres://anna:***@db/ringfence"),
            ("postgres://anna:s3/cr@t@db/ringfence", "postgres://anna:***@db/ringfence"),
            ("postgres://anna@db/ringfence?password=s3cret", "postgres://anna@db/ringfence?password=***"),
            (
                "postgres://db/r?user=anna&sslPassword=s3cret&x=1",
                "postgres://db/r?user=anna&sslPassword=***&x=1",
            ),
            ("https://api.mypurecloud.com", "https://api.mypurecloud.com"),
            ("sqlite:///var/lib/ringfence.db?mode=rwc", "sqlite:///var/lib/ringfence.db?mode=rwc"),
        ];
        for (url, expected) in shown {
            assert_eq!(redact(url), expected);
        }
    }
}
