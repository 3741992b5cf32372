//! Events as they are stored, and the way back from every version ever written.
//!
//! A version is never edited. A new shape gets the next number and an upcaster here, and a golden file
//! in `tests/fixtures/events` for good.

use serde_json::{Value, json};

use crate::domain::call::EventKind;

/// The version that is written today.
pub const SCHEMA_VERSION: i32 = 1;

/// An event that this build cannot read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a newer build.
    #[error("{event_type} has schema version {version}; this build reads up to {SCHEMA_VERSION}")]
    TooNew {
        /// The event's name.
        event_type: String,
        /// Its version.
        version: i32,
    },
    /// Not what that version looks like.
    #[error("{event_type} version {version} cannot be read: {reason}")]
    Malformed {
        /// The event's name.
        event_type: String,
        /// Its version.
        version: i32,
        /// What is wrong.
        reason: String,
    },
}

/// The `event_type`, `schema_version` and `data` of an event.
pub fn encode(kind: &EventKind) -> (&'static str, i32, Value) {
    let value = serde_json::to_value(kind).expect("events are maps with text keys");
    (kind.name(), SCHEMA_VERSION, value.get("data").cloned().unwrap_or_else(|| json!({})))
}

/// The event in those three columns.
pub fn decode(event_type: &str, version: i32, data: &Value) -> Result<EventKind, CodecError> {
    if version > SCHEMA_VERSION {
        return Err(CodecError::TooNew { event_type: event_type.to_owned(), version });
    }
    let malformed = |reason| CodecError::Malformed { event_type: event_type.to_owned(), version, reason };
    if version < 1 {
        return Err(malformed("versions are counted from 1".to_owned()));
    }
    let data = upcast(event_type, version, data.clone());
    serde_json::from_value(json!({ "type": event_type, "data": data })).map_err(|error| malformed(error.to_string()))
}

/// Brings the data of an older version to today's shape, one version at a time.
fn upcast(_event_type: &str, version: i32, data: Value) -> Value {
    debug_assert_eq!(version, SCHEMA_VERSION, "version 1 is the only one so far");
    data
}
