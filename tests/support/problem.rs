//! What an error answer must look like (RFC 9457, and the contract's additions).

use serde_json::Value;

use super::http::Answer;

impl Answer {
    /// The body of an answer that must be this error, whole in shape.
    pub(crate) fn problem(&self, status: u16, error: &str) -> Value {
        let body = self.any_problem();
        assert_eq!((self.code(), body["error"].as_str()), (status, Some(error)), "{self}");
        body
    }

    /// The body of an answer that must be an error, whole in shape.
    pub(crate) fn any_problem(&self) -> Value {
        assert!(self.status.is_client_error() || self.status.is_server_error(), "{self}");
        let kind = self.header("content-type").unwrap_or_default();
        assert_eq!(kind.split(';').next(), Some("application/problem+json"), "{self}");
        let body = self.json();
        let text = |key: &str| body[key].as_str().unwrap_or_else(|| panic!("{key} is no text in {self}")).to_owned();
        assert_eq!(text("type"), format!("urn:callgate:error:{}", text("error")), "{self}");
        assert_eq!(body["status"], self.code(), "{self}");
        assert_eq!(text("message"), text("detail"), "{self}");
        for key in ["title", "detail", "instance"] {
            assert!(!text(key).is_empty(), "{key} is empty in {self}");
        }
        match self.header("retry-after") {
            Some(seconds) => assert_eq!(body["retryAfter"].to_string(), seconds, "{self}"),
            None => assert!(self.code() != 503 && body["retryAfter"].is_null(), "{self}"),
        }
        body
    }

    /// The same for an error that is about capacity: it tells the counts and when to come back.
    pub(crate) fn capacity_problem(&self, error: &str) -> Value {
        let body = self.problem(503, error);
        for key in ["retryAfter", "currentActive", "limit", "globalCurrent", "globalLimit"] {
            assert!(body[key].is_u64(), "{key} is no number in {self}");
        }
        body
    }
}
