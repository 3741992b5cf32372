//! The body of a request under `/sim`, read field by field, so that an error can name its key.

use actix_web::web::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refusal::BadRequest;

/// The fields of a JSON object that were not taken yet.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a JSON object; an empty body has no fields.
    pub(super) fn read(body: &Bytes) -> Result<Self, BadRequest> {
        if body.is_empty() {
            return Ok(Self(Map::new()));
        }
        serde_json::from_slice(body)
            .map(Self)
            .map_err(|error| BadRequest::new(format!("the body is not a JSON object: {error}")))
    }

    /// Whether the field `key` is there, be it null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The field `key`; `None` where it is missing or null.
    pub(super) fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, BadRequest> {
        let value = self.0.remove(key).unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(|error| BadRequest::new(format!("{key}: {error}")))
    }

    /// The field `key`, which must be there.
    pub(super) fn require<T: DeserializeOwned>(&mut self, key: &str) -> Result<T, BadRequest> {
        self.take(key)?.ok_or_else(|| BadRequest::new(format!("missing key {key}")))
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), BadRequest> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(key) => Err(BadRequest::new(format!("unknown key {key}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_their_key() {
        let read = |body: &'static str| -> Result<(String, Option<bool>), BadRequest> {
            let mut fields = Fields::read(&Bytes::from_static(body.as_bytes()))?;
            let read = (fields.require("agentId")?, fields.take("webhook")?);
            fields.finish().map(|()| read)
        };
        assert_eq!(read(r#"{"agentId": "a", "webhook": false}"#).unwrap(), ("a".to_owned(), Some(false)));
        assert_eq!(read(r#"{"agentId": "a", "webhook": null}"#).unwrap().1, None);
        for (body, key) in [
            ("", "missing key agentId"),
            (r#"{"agentId": 1}"#, "agentId:"),
            (r#"{"agentId": "a", "webhook": "no"}"#, "webhook:"),
            (r#"{"agentId": "a", "agent": 1}"#, "unknown key agent"),
            ("[]", "the body"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.message().contains(key), "{body}: {}", error.message());
        }
    }
}
