//! Hanging up. No way is proof by itself: afterwards the conversation is looked up. Of a call that has none as far as
//! anybody knows, the carrier is asked.
//!
//! Source: ElevenLabs "real-time monitoring" for `end_call`; that DELETE ends a live call is not documented,
//! so it is the last way, and only for calls that never had a slot.

use std::time::{Duration, Instant};

use awc::http::{Method, StatusCode};
use awc::ws::{Frame, Message};
use futures_util::{SinkExt, StreamExt};

use super::client::ElevenLabs;
use super::wire::MonitorCommand;
use crate::domain::call::{ReferenceKind, References};
use crate::provider::address::segment;
use crate::provider::{ConversationState, HangUp, HangUpWay};

/// How long the monitor may take to close after `end_call`.
const MONITOR_TIMEOUT: Duration = Duration::from_secs(3);
/// Looks at the conversation after a way was tried, before the next way.
const LOOKS: u32 = 4;
/// Between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

impl ElevenLabs {
    pub(super) async fn end_call(&self, names: &References, ways: &[HangUpWay]) -> HangUp {
        // It may be over already; a DELETE would only erase the proof of that.
        if self.looks_over(names).await {
            return HangUp::Confirmed;
        }
        let mut tried = Vec::new();
        for way in ways {
            let asked = Instant::now();
            let Some(result) = self.end_by(*way, names).await else { continue };
            let confirmed = self.is_over(names).await;
            let outcome = match &result {
                _ if confirmed => "confirmed",
                Ok(()) => "unconfirmed",
                Err(_) => "failed",
            };
            self.metrics.record_hangup(way.as_str(), outcome);
            self.metrics.record_provider_request("hang_up", outcome, asked.elapsed());
            if confirmed {
                return HangUp::Confirmed;
            }
            tried.push(format!("{}: {}", way.as_str(), result.err().unwrap_or_else(|| "not confirmed".to_owned())));
        }
        if tried.is_empty() {
            tried.push("no name of the call fits an allowed way".to_owned());
        }
        HangUp::Unconfirmed { detail: tried.join("; ") }
    }

    /// Goes one way; none where the name that it needs is not known.
    async fn end_by(&self, way: HangUpWay, names: &References) -> Option<Result<(), String>> {
        Some(match way {
            HangUpWay::Monitor => self.end_by_monitor(names.conversation()?).await,
            HangUpWay::Twilio => self.carrier.as_ref()?.end(names.of_kind(ReferenceKind::CallSid)?).await,
            HangUpWay::Delete => self.end_by_delete(names.conversation()?).await,
        })
    }

    async fn end_by_monitor(&self, id: &str) -> Result<(), String> {
        let talk = async {
            let (_, mut socket) = self.monitor(id).connect().await.map_err(|error| error.to_string())?;
            let command = serde_json::to_string(&MonitorCommand::EndCall).expect("a command is a map with text keys");
            socket.send(Message::Text(command.into())).await.map_err(|error| error.to_string())?;
            while let Some(frame) = socket.next().await {
                if matches!(frame, Ok(Frame::Close(_)) | Err(_)) {
                    break;
                }
            }
            Ok(())
        };
        tokio::time::timeout(MONITOR_TIMEOUT, talk).await.unwrap_or(Ok(()))
    }

    async fn end_by_delete(&self, id: &str) -> Result<(), String> {
        let path = format!("/v1/convai/conversations/{}", segment(id));
        let response = self.question(Method::DELETE, &path).send().await.map_err(|error| error.to_string())?;
        match response.status() {
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            status => Err(format!("status {status}")),
        }
    }

    /// Whether the provider says that it is over. After a DELETE it knows nothing of it, which proves nothing:
    /// then its webhook, or its age, must tell.
    async fn is_over(&self, names: &References) -> bool {
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
            if self.looks_over(names).await {
                return true;
            }
        }
        false
    }

    /// The conversation takes the place at the provider, so its word counts where it is known.
    async fn looks_over(&self, names: &References) -> bool {
        if let Some(conversation) = names.conversation() {
            let found = self.conversation(conversation).await;
            return matches!(found, Ok(Some(found)) if matches!(found.state, ConversationState::Over { .. }));
        }
        match (&self.carrier, names.of_kind(ReferenceKind::CallSid)) {
            (Some(carrier), Some(call_sid)) => carrier.says_over(call_sid).await,
            _ => false,
        }
    }
}
