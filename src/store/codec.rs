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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::{
        Direction, Doubt, EndReason, Profile, Reference, References, Source, TerminationReason, Witness,
    };
    use crate::domain::ids::PoolId;
    use crate::domain::phone::MaskedNumber;
    use rstest::rstest;
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events")
    }

    /// The `data` of an event as that version wrote it.
    fn golden(event_type: &str, version: i32) -> Value {
        let text = std::fs::read_to_string(folder().join(format!("{event_type}.v{version}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn profile(direction: Direction) -> Profile {
        Profile {
            pool: PoolId::default_pool(),
            business_id: "42".parse().unwrap(),
            plan: "PRO".parse().unwrap(),
            direction,
            source: Source::api(),
            agent_id: "agent_0123456789abcdef".parse().unwrap(),
            phone_number_id: Some("phnum_1".parse().unwrap()),
            counterpart: Some(MaskedNumber::of("+14155550123")),
            user_id: Some("user-7".to_owned()),
            request_hash: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned()),
            max_duration_seconds: Some(600),
        }
    }

    fn names<const N: usize>(names: [Reference; N]) -> References {
        names.into_iter().collect()
    }

    fn conversation() -> Reference {
        Reference::conversation("conv_1")
    }

    fn call_sid() -> Reference {
        Reference::call_sid("CA1")
    }

    fn sip_call_id() -> Reference {
        Reference::sip_call_id("sip-1@trunk")
    }

    #[rstest]
    #[case(EventKind::CallRequested { profile: profile(Direction::Outbound) })]
    #[case(EventKind::InboundReceived {
        profile: profile(Direction::Inbound),
        references: names([conversation(), call_sid(), sip_call_id()]),
    })]
    #[case(EventKind::CallAdmitted { epoch: 7, business_limit: 5 })]
    #[case(EventKind::CallOverflowed { cause: "GLOBAL_CAPACITY".to_owned() })]
    #[case(EventKind::CallPlaced { references: names([conversation(), call_sid()]), witness: Witness::Answer })]
    #[case(EventKind::ReferencesLearned { references: names([sip_call_id()]) })]
    #[case(EventKind::PlacementFailed {
        reason: EndReason::Provider429,
        detail: "the provider is full".to_owned(),
        retry_after_seconds: Some(30),
    })]
    #[case(EventKind::PlacementUncertain { doubt: Doubt::Timeout })]
    #[case(EventKind::TerminationRequested { reason: TerminationReason::MaxDuration })]
    #[case(EventKind::HangUpStalled {
        attempts: 10,
        seconds: 300,
        detail: "monitor: not confirmed".to_owned(),
    })]
    #[case(EventKind::CallEnded {
        reason: EndReason::Operator,
        witness: Witness::Operator,
        note: Some("the caller asked for it".to_owned()),
    })]
    #[case(EventKind::CallRevived { references: names([conversation()]), witness: Witness::LookUp })]
    #[case(EventKind::AdmissionAbandoned {})]
    fn an_event_of_version_1_is_read_as_what_it_meant_and_written_as_it_was(#[case] expected: EventKind) {
        let data = golden(expected.name(), 1);
        assert_eq!(decode(expected.name(), 1, &data).unwrap(), expected);
        assert_eq!(encode(&expected), (expected.name(), SCHEMA_VERSION, data));
    }

    /// Every event that this build can read, as serde lists them.
    fn known_events() -> BTreeSet<String> {
        let error = decode("Nothing", SCHEMA_VERSION, &json!({})).unwrap_err().to_string();
        let (_, list) = error.split_once("expected one of").unwrap();
        list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_event_has_a_golden_file_of_the_current_version_and_every_golden_file_an_event() {
        let mut files = BTreeSet::new();
        for entry in std::fs::read_dir(folder()).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let (event_type, version) = file.strip_suffix(".json").and_then(|stem| stem.split_once(".v")).unwrap();
            let version: i32 = version.parse().unwrap();
            decode(event_type, version, &golden(event_type, version)).unwrap();
            if version == SCHEMA_VERSION {
                files.insert(event_type.to_owned());
            }
        }
        assert_eq!(files, known_events());
    }

    #[rstest]
    #[case("CallRequested", &["phoneNumberId", "counterpart", "userId", "requestHash", "maxDurationSeconds"])]
    #[case("PlacementFailed", &["retryAfterSeconds"])]
    #[case("CallEnded", &["note"])]
    fn what_is_optional_may_be_missing_and_is_not_written(#[case] event_type: &str, #[case] optional: &[&str]) {
        let mut data = golden(event_type, 1);
        let fields = if event_type == "CallRequested" { &mut data["profile"] } else { &mut data };
        for field in optional {
            fields.as_object_mut().unwrap().remove(*field).unwrap();
        }
        let kind = decode(event_type, 1, &data).unwrap();
        assert_eq!(encode(&kind).2, data);
    }

    /// What is stored is stored for ever: a word may be added here, never changed or removed.
    #[rstest]
    #[case(EndReason::ALL.iter().map(|word| word.as_str()).collect(), &[
        "completed", "busy", "no_answer", "initiation_failed", "provider_refused", "provider_429", "not_dialled",
        "cancelled", "operator", "capacity", "inbound_disabled", "max_duration", "late", "never_bound", "abandoned",
        "provider_ended", "provider_missing", "aged_out", "unmanaged",
    ])]
    #[case(TerminationReason::ALL.iter().map(|word| word.as_str()).collect(), &[
        "capacity", "inbound_disabled", "operator", "max_duration", "late", "unmanaged",
    ])]
    #[case(Doubt::ALL.iter().map(|word| word.as_str()).collect(), &[
        "timeout", "connection_lost", "unclear_answer", "crash",
    ])]
    #[case(Witness::ALL.iter().map(|word| word.as_str()).collect(), &[
        "answer", "webhook", "look_up", "gate", "operator",
    ])]
    fn every_word_of_version_1_is_still_known(#[case] known: Vec<&str>, #[case] written: &[&str]) {
        for word in written {
            assert!(known.contains(word), "{word}");
        }
    }

    #[test]
    fn an_event_of_a_newer_version_is_refused_with_both_versions() {
        let newer = SCHEMA_VERSION + 1;
        let error = decode("CallAdmitted", newer, &golden("CallAdmitted", 1)).unwrap_err();
        assert!(matches!(error, CodecError::TooNew { version, .. } if version == newer), "{error}");
        let said = format!("CallAdmitted has schema version {newer}; this build reads up to {SCHEMA_VERSION}");
        assert_eq!(error.to_string(), said);
    }

    #[rstest]
    #[case::of_an_unknown_type("CallTeleported", 1, json!({}))]
    #[case::of_no_version("CallAdmitted", 0, json!({ "epoch": 7, "businessLimit": 5 }))]
    #[case::without_its_data("CallAdmitted", 1, json!({}))]
    #[case::with_a_word_that_nobody_knows("PlacementUncertain", 1, json!({ "doubt": "mood" }))]
    #[case::with_data_that_is_no_map("CallAdmitted", 1, json!(null))]
    fn an_event_that_is_not_what_it_says_is_malformed(
        #[case] event_type: &str,
        #[case] version: i32,
        #[case] data: Value,
    ) {
        let error = decode(event_type, version, &data).unwrap_err();
        assert!(matches!(error, CodecError::Malformed { .. }), "{error}");
    }
}
