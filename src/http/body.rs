//! Request bodies: read up to a limit, as JSON, strictly. An error names the field.

use std::time::Duration;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::domain::ids::BusinessId;

/// A JSON request is at most this long: 16 KiB of clientData, and the rest.
pub(super) const JSON_LIMIT: usize = 64 * 1024;

/// How long a body may be on its way.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The body's bytes.
pub(super) async fn read(payload: web::Payload, limit: usize, request: &HttpRequest) -> Result<web::Bytes, Problem> {
    let too_large = || Problem::new("PAYLOAD_TOO_LARGE", format!("the body is longer than {limit} bytes"), request);
    match tokio::time::timeout(TIMEOUT, payload.to_bytes_limited(limit)).await {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(Ok(Err(error))) => Err(Problem::invalid(format!("the body cannot be read: {error}"), request)),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem::invalid("the body did not arrive in time", request)),
    }
}

/// The body as JSON, and the SHA-256 of its bytes in hex.
pub(super) async fn json<T: DeserializeOwned>(
    payload: web::Payload,
    request: &HttpRequest,
) -> Result<(T, String), Problem> {
    let is_json = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    });
    if !is_json {
        let detail = "send the body as Content-Type: application/json";
        return Err(Problem::new("UNSUPPORTED_MEDIA_TYPE", detail, request));
    }
    let bytes = read(payload, JSON_LIMIT, request).await?;
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::invalid("the body is no JSON object", request));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let detail = match path.as_str() {
            "." | "?" => error.inner().to_string(),
            path => format!("{path}: {}", error.inner()),
        };
        Problem::invalid(detail, request)
    })?;
    deserializer.end().map_err(|error| Problem::invalid(error.to_string(), request))?;
    Ok((value, hex::encode(Sha256::digest(&bytes))))
}

/// A business id: text, or a JSON number, which is read as its decimal text.
pub(super) fn business_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BusinessId, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber {
        Text(String),
        Number(serde_json::Number),
    }
    let text = match TextOrNumber::deserialize(deserializer) {
        Ok(TextOrNumber::Text(text)) => text,
        Ok(TextOrNumber::Number(number)) => number.to_string(),
        Err(_) => return Err(D::Error::custom("businessId is text or a number")),
    };
    text.parse().map_err(D::Error::custom)
}

/// A whole number that is not negative. JSON may write it with a point: `5.0` is 5 (JSON Schema, 6.1.1).
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    let text = match number.as_f64() {
        // No number is written as -0 by people.
        Some(value) if value.fract() == 0.0 => format!("{:.0}", value + 0.0),
        _ => number.to_string(),
    };
    let too_large = |_| D::Error::custom(format!("{number} is no whole number from 0 to {}", u32::MAX));
    text.parse().map(Some).map_err(too_large)
}
