//! How the simulated provider behaves: its cap, its delays and its faults.
//! Faults that are limited in number are used up here. Nothing here acts on them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refusal::BadRequest;

/// Inbound calls beyond the cap that a fresh simulator accepts: as good as all.
const INBOUND_OVERFLOW: u32 = 1_000_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Behaviour {
    pub(super) cap: u32,
    pub(super) inbound_overflow: u32,
    pub(super) answer_delay_ms: u64,
    pub(super) dial_delay_ms: u64,
    pub(super) placement: PlacementFault,
    pub(super) placement_count: Option<u32>,
    pub(super) retry_after_seconds: Option<u64>,
    pub(super) webhooks: WebhookWeather,
    pub(super) failure_webhook_first: bool,
    pub(super) terminate: Termination,
    pub(super) terminate_refusals: Option<u32>,
    pub(super) api: ApiHealth,
    pub(super) talk_seconds: Option<TalkSeconds>,
}

/// What becomes of a placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PlacementFault {
    Ok,
    #[serde(rename = "429")]
    TooManyRequests,
    #[serde(rename = "422")]
    Unprocessable,
    #[serde(rename = "500")]
    InternalError,
    SuccessFalse,
    #[serde(rename = "500_after_dial")]
    InternalErrorAfterDial,
    HangAfterDial,
    SipBlock,
    ResetAfterDial,
}

/// What becomes of webhooks on their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that are independent of each other, true or false on the wire"
)]
pub(super) struct WebhookWeather {
    pub(super) lose: bool,
    pub(super) duplicate: u32,
    pub(super) delay_ms: u64,
    pub(super) reorder: bool,
    pub(super) outbound_started: bool,
    pub(super) retry: bool,
}

/// Whether the provider hangs up when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Termination {
    Ok,
    Refuse,
}

/// How the reading part of the API feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ApiHealth {
    #[serde(rename = "ok")]
    Ok,
    #[serde(rename = "500")]
    InternalError,
    #[serde(rename = "timeout")]
    Timeout,
}

/// How long people talk before they hang up by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TalkSeconds {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Behaviour {
    /// A provider without faults.
    pub(super) fn faultless(cap: u32) -> Self {
        Self {
            cap,
            inbound_overflow: INBOUND_OVERFLOW,
            answer_delay_ms: 0,
            dial_delay_ms: 0,
            placement: PlacementFault::Ok,
            placement_count: None,
            retry_after_seconds: None,
            webhooks: WebhookWeather {
                lose: false,
                duplicate: 0,
                delay_ms: 0,
                reorder: false,
                outbound_started: false,
                retry: true,
            },
            failure_webhook_first: false,
            terminate: Termination::Ok,
            terminate_refusals: None,
            api: ApiHealth::Ok,
            talk_seconds: None,
        }
    }

    /// The behaviour with the given keys changed; the error names the key that cannot be.
    pub(super) fn updated(&self, update: &Value) -> Result<Self, BadRequest> {
        let mut whole = self.to_map();
        for (key, value) in as_object("the body", update)? {
            if key != "webhooks" {
                whole = changed(&whole, &[key], value)?;
                continue;
            }
            for (nested, value) in as_object("webhooks", value)? {
                whole = changed(&whole, &[key, nested], value)?;
            }
        }
        let behaviour: Self =
            serde_json::from_value(Value::Object(whole)).map_err(|error| BadRequest::new(error.to_string()))?;
        if behaviour.talk_seconds.is_some_and(|talk| !talk.is_possible()) {
            return Err(BadRequest::new("talkSeconds: accepted are 0 <= min <= max, up to a day"));
        }
        Ok(behaviour)
    }

    /// The fault of the next placement; one of the limited number is used up.
    pub(super) fn take_placement(&mut self) -> PlacementFault {
        let fault = self.placement;
        if fault != PlacementFault::Ok && !take_one(&mut self.placement_count) {
            self.placement = PlacementFault::Ok;
            return PlacementFault::Ok;
        }
        if self.placement_count == Some(0) {
            self.placement_count = None;
            self.placement = PlacementFault::Ok;
        }
        fault
    }

    /// Whether the next hang-up is refused; one of the limited number is used up.
    pub(super) fn take_termination(&mut self) -> Termination {
        let termination = self.terminate;
        if termination == Termination::Refuse && !take_one(&mut self.terminate_refusals) {
            self.terminate = Termination::Ok;
            return Termination::Ok;
        }
        if self.terminate_refusals == Some(0) {
            self.terminate_refusals = None;
            self.terminate = Termination::Ok;
        }
        termination
    }

    fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            other => unreachable!("a struct of plain fields is a JSON object, not {other:?}"),
        }
    }
}

impl TalkSeconds {
    fn is_possible(self) -> bool {
        (0.0..=86_400.0).contains(&self.min) && (self.min..=86_400.0).contains(&self.max)
    }
}

/// `true` if there was one left, or if there is no limit.
fn take_one(left: &mut Option<u32>) -> bool {
    match left {
        None => true,
        Some(0) => {
            *left = None;
            false
        }
        Some(count) => {
            *count -= 1;
            true
        }
    }
}

/// `whole` with the value at `path` replaced, provided that it still is a behaviour.
fn changed(whole: &Map<String, Value>, path: &[&String], value: &Value) -> Result<Map<String, Value>, BadRequest> {
    let name = path.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(".");
    let mut candidate = Value::Object(whole.clone());
    let place = path.iter().try_fold(&mut candidate, |value, key| value.get_mut(key.as_str()));
    let Some(place) = place else {
        return Err(BadRequest::new(format!("unknown key {name}")));
    };
    *place = value.clone();
    Behaviour::deserialize(&candidate)
        .map(|behaviour| behaviour.to_map())
        .map_err(|error| BadRequest::new(format!("{name}: {error}")))
}

fn as_object<'value>(name: &str, value: &'value Value) -> Result<&'value Map<String, Value>, BadRequest> {
    value.as_object().ok_or_else(|| BadRequest::new(format!("{name} is not a JSON object")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_update_changes_only_the_keys_it_names() {
        let before = Behaviour::faultless(5);
        let after = before
            .updated(&json!({"cap": 0, "placement": "429", "webhooks": {"lose": true}, "talkSeconds": {"min": 0.5, "max": 2}}))
            .unwrap();
        let mut expected = Behaviour { cap: 0, placement: PlacementFault::TooManyRequests, ..before };
        expected.webhooks.lose = true;
        expected.talk_seconds = Some(TalkSeconds { min: 0.5, max: 2.0 });
        assert_eq!(after, expected);
        assert_eq!(after.updated(&json!({"talkSeconds": null})).unwrap().talk_seconds, None);
    }

    #[test]
    fn an_update_that_cannot_be_names_its_key() {
        for (update, key) in [
            (json!({"capp": 1}), "capp"),
            (json!({"cap": -1}), "cap"),
            (json!({"cap": null}), "cap"),
            (json!({"placement": "maybe"}), "placement"),
            (json!({"webhooks": {"loose": true}}), "webhooks.loose"),
            (json!({"webhooks": {"lose": 1}}), "webhooks.lose"),
            (json!({"webhooks": true}), "webhooks"),
            (json!({"talkSeconds": {"min": 2, "max": 1}}), "talkSeconds"),
            (json!({"webhooks/lose": true}), "webhooks/lose"),
            (json!([]), "body"),
        ] {
            let error = Behaviour::faultless(5).updated(&update).unwrap_err();
            assert!(error.message().contains(key), "{update}: {}", error.message());
        }
    }

    #[test]
    fn a_limited_fault_is_used_up() {
        let mut behaviour = Behaviour::faultless(5).updated(&json!({"placement": "500", "placementCount": 2})).unwrap();
        let faults: Vec<_> = (0..3).map(|_| behaviour.take_placement()).collect();
        assert_eq!(faults, [PlacementFault::InternalError, PlacementFault::InternalError, PlacementFault::Ok]);
        assert_eq!(behaviour, Behaviour::faultless(5));
    }

    #[test]
    fn an_unlimited_fault_stays() {
        let mut behaviour = Behaviour::faultless(5).updated(&json!({"terminate": "refuse"})).unwrap();
        assert!((0..10).all(|_| behaviour.take_termination() == Termination::Refuse));
    }

    #[test]
    fn no_fault_at_all_is_a_number_too() {
        let mut behaviour = Behaviour::faultless(5)
            .updated(&json!({"placement": "422", "placementCount": 0, "terminate": "refuse", "terminateRefusals": 0}))
            .unwrap();
        assert_eq!(behaviour.take_placement(), PlacementFault::Ok);
        assert_eq!(behaviour.take_termination(), Termination::Ok);
        assert_eq!(behaviour, Behaviour::faultless(5));
    }
}
