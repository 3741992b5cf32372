//! One request and its answer.

use std::sync::Once;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use serde_json::Value;

/// Longer than the longest placement that a test configures.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The largest answer that is read.
const ANSWER_LIMIT: usize = 64 << 20;

thread_local! {
    static CLIENT: awc::Client = client();
}

fn client() -> awc::Client {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    awc::Client::builder().timeout(TIMEOUT).disable_redirects().finish()
}

/// A request that is not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    patience: Duration,
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: Bytes::new(), patience: TIMEOUT }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn put(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits so long for the answer.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// The answer's head; the body may still be on its way.
    pub(crate) async fn open(self, address: &str) -> Result<awc::ClientResponse, awc::error::SendRequestError> {
        // A connection of its own: processes come and go in these tests.
        let url = format!("{address}{}", self.path);
        let mut request = CLIENT.with(|client| client.request(self.method, url)).timeout(self.patience).force_close();
        for (name, value) in self.headers {
            request = request.append_header((name, value));
        }
        request.send_body(self.body).await
    }

    pub(crate) async fn send(self, address: &str) -> Result<Answer, awc::error::SendRequestError> {
        let asked = format!("{} {}", self.method, self.path);
        let mut answer = self.open(address).await?;
        let body = answer.body().limit(ANSWER_LIMIT).await.expect("the answer has a whole body");
        Ok(Answer { asked, status: answer.status(), headers: answer.headers().clone(), body })
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    asked: String,
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(crate) fn code(&self) -> u16 {
        self.status.as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of plain text"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// The body of an answer that must have this status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.code(), status, "{self}");
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The body of an answer that must be a success.
    pub(crate) fn success(&self) -> Value {
        assert!(self.status.is_success(), "{self}");
        if self.body.is_empty() { Value::Null } else { self.json() }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.text().chars().take(2_000).collect();
        write!(formatter, "{} → {}: {text}", self.asked, self.status)
    }
}
