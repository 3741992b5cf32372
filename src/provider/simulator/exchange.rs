//! The carrier's side of calls: which it knows, how they stand, and which the provider expects.
//! No I/O, no clock. Whether a connected call is live is the switchboard's to count.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{CallSetup, EndReason, SimulatedCall};
use crate::provider::elevenlabs::wire::ConversationStatus;

/// `CallStatus`, as far as the simulated carrier uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CarrierStatus {
    Ringing,
    InProgress,
    Completed,
    Busy,
    NoAnswer,
    Failed,
}

impl CarrierStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
        }
    }

    pub(super) fn is_over(self) -> bool {
        !matches!(self, Self::Ringing | Self::InProgress)
    }

    /// How a call of the provider stands at the carrier.
    pub(super) fn of(call: &SimulatedCall) -> Self {
        match call.ending.map(|ending| ending.reason) {
            None if call.status == ConversationStatus::Initiated => Self::Ringing,
            None => Self::InProgress,
            Some(EndReason::Busy) => Self::Busy,
            Some(EndReason::NoAnswer) => Self::NoAnswer,
            Some(EndReason::Failed) => Self::Failed,
            Some(_) => Self::Completed,
        }
    }
}

/// A call of somebody whose number is not the provider's.
#[derive(Debug, Clone)]
pub(super) struct CarrierCall {
    pub(super) call_sid: String,
    pub(super) from: String,
    pub(super) to: String,
    /// How it stands while it is not connected.
    pub(super) status: CarrierStatus,
    /// What it is connected to.
    pub(super) conversation_id: Option<String>,
    /// The status and the body of the gate's answer.
    pub(super) told: Option<(u16, String)>,
}

impl CarrierCall {
    fn record(&self) -> Value {
        json!({
            "callSid": self.call_sid,
            "conversationId": self.conversation_id,
            "status": self.status,
            "refused": self.is_refused(),
            "answerStatus": self.told.as_ref().map(|(status, _)| status),
            "answer": self.told.as_ref().map(|(_, twiml)| twiml),
        })
    }

    /// Whether the gate turned it away.
    fn is_refused(&self) -> bool {
        self.told.is_some() && self.conversation_id.is_none()
    }
}

/// The carrier's side of calls.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// In the order in which they came.
    calls: Vec<CarrierCall>,
    /// Conversations that begin once the carrier connects them.
    expected: HashMap<String, CallSetup>,
    registered: u64,
}

impl Exchange {
    /// Somebody calls.
    pub(super) fn ring(&mut self, call: CarrierCall) {
        self.calls.push(call);
    }

    /// A call by its name.
    pub(super) fn call(&self, call_sid: &str) -> Option<&CarrierCall> {
        self.calls.iter().find(|call| call.call_sid == call_sid)
    }

    pub(super) fn call_mut(&mut self, call_sid: &str) -> Option<&mut CarrierCall> {
        self.calls.iter_mut().find(|call| call.call_sid == call_sid)
    }

    /// The call that is connected to a conversation.
    pub(super) fn connected_to(&self, conversation_id: &str) -> Option<&CarrierCall> {
        self.calls.iter().find(|call| call.conversation_id.as_deref() == Some(conversation_id))
    }

    /// The provider expects a call.
    pub(super) fn expect(&mut self, setup: CallSetup) {
        self.registered += 1;
        self.expected.insert(setup.conversation_id.clone(), setup);
    }

    /// The call that the provider expected under this name; each begins once.
    pub(super) fn take_expected(&mut self, conversation_id: &str) -> Option<CallSetup> {
        self.expected.remove(conversation_id)
    }

    /// Its part of `GET /sim/state`.
    pub(super) fn report(&self) -> Value {
        json!({
            "registered": self.registered,
            "refused": self.calls.iter().filter(|call| call.is_refused()).count(),
            "calls": self.calls.iter().map(CarrierCall::record).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::simulator::switchboard::tests::setup;

    #[test]
    fn an_expected_call_begins_once() {
        let mut exchange = Exchange::default();
        exchange.expect(setup("conv_1"));
        assert!(exchange.take_expected("conv_2").is_none());
        assert!(exchange.take_expected("conv_1").is_some());
        assert!(exchange.take_expected("conv_1").is_none());
        assert_eq!(exchange.report()["registered"], 1);
    }

    #[test]
    fn every_status_is_the_word_that_twilio_uses() {
        for status in [CarrierStatus::Ringing, CarrierStatus::InProgress, CarrierStatus::NoAnswer, CarrierStatus::Busy]
        {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
