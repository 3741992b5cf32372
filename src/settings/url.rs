//! The two kinds of URL in the settings: connections, which may carry a password, and HTTP bases, which may not.

use std::fmt;

use actix_web::http::Uri;

/// The URL of a database or of Redis. It prints without its credentials and parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionUrl(String);

impl ConnectionUrl {
    /// Takes the text when it begins with one of the schemes and says something after it.
    pub(super) fn with_scheme(text: &str, schemes: &[&str]) -> Option<Self> {
        schemes
            .iter()
            .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
            .then(|| Self(text.to_owned()))
    }

    /// The whole URL, for the place that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_credentials(&self.0))
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// The text with `***` for what stands before an `@`, and for the parameters of a network URL
/// (PostgreSQL takes a password there too).
pub(super) fn without_credentials(text: &str) -> String {
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    let (scheme, rest) = match text.find("://") {
        Some(at) => text.split_at(at + 3),
        None => ("", text),
    };
    let (credentials, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("***@", rest),
        None => ("", rest),
    };
    match rest.split_once('?') {
        Some((rest, _)) if !scheme.is_empty() => format!("{scheme}{credentials}{rest}?***"),
        _ => format!("{scheme}{credentials}{rest}"),
    }
}

/// What [`http_base`] accepts, for an error.
pub(super) const HTTP_BASE: &str = "http:// or https:// URLs without credentials, query and fragment";

/// The base of HTTP URLs, without a slash at its end, so that a path can follow.
pub(super) fn http_base(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let plain = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && !text.contains(['@', '?', '#']);
    plain.then(|| text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("sqlite://callgate.db?mode=rwc", "sqlite://callgate.db?mode=rwc")]
    #[case("postgres://gate:pw@db/calls", "postgres://***@db/calls")]
    #[case("postgres://gate:p@w@db:5432/calls", "postgres://***@db:5432/calls")]
    #[case("postgres://db/calls?user=gate&password=pw", "postgres://db/calls?***")]
    #[case("redis://:pw@cache:6379/0", "redis://***@cache:6379/0")]
    #[case("gate:pw@db", "***@db")]
    #[case("127.0.0.1:8080", "127.0.0.1:8080")]
    fn a_shown_url_has_no_credentials(#[case] url: &str, #[case] shown: &str) {
        assert_eq!(without_credentials(url), shown);
    }

    #[rstest]
    #[case("https://callgate.example.com", Some("https://callgate.example.com"))]
    #[case("http://127.0.0.1:9/base/", Some("http://127.0.0.1:9/base"))]
    #[case("ftp://host", None)]
    #[case("host:80", None)]
    #[case("https://", None)]
    #[case("https://a:b@host", None)]
    #[case("https://host/?a=b", None)]
    #[case("https://host name", None)]
    fn an_http_base_is_checked(#[case] text: &str, #[case] base: Option<&str>) {
        assert_eq!(http_base(text).as_deref(), base);
    }
}
