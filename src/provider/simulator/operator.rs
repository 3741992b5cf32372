//! What has effects in time: calls that begin to talk, end by themselves or by hand, and the
//! webhooks that follow. The operator works the switchboard, which itself knows no time.

use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actix_web::rt;
use serde_json::Value;
use tokio::time::sleep;

use super::behaviour::TalkSeconds;
use super::call::EndReason;
use super::courier::Courier;
use super::exchange::{CarrierCall, CarrierStatus};
use super::notice::Notice;
use super::refusal::ControlRefusal;
use super::switchboard::{Switchboard, lock};
use crate::provider::twilio::Account;
use crate::provider::twilio::form::Form;
use crate::sources;

/// Waits; not at all for zero, where a timer would still cost a tick.
pub(super) async fn pause(milliseconds: u64) {
    if milliseconds > 0 {
        sleep(Duration::from_millis(milliseconds)).await;
    }
}

#[derive(Clone)]
pub(super) struct Operator {
    board: Arc<Mutex<Switchboard>>,
    courier: Rc<Courier>,
}

impl Operator {
    pub(super) fn new(
        board: Arc<Mutex<Switchboard>>,
        webhook_secret: Option<String>,
        account: Option<Account>,
    ) -> Self {
        let courier = Rc::new(Courier::new(Arc::clone(&board), webhook_secret, account));
        Self { board, courier }
    }

    /// Never to be held across an await.
    pub(super) fn board(&self) -> MutexGuard<'_, Switchboard> {
        lock(&self.board)
    }

    /// The parties talk, and hang up by themselves where the behaviour says so.
    pub(super) fn connect(&self, conversation_id: &str) {
        let talk = {
            let mut board = self.board();
            if !board.connect(conversation_id) {
                return;
            }
            board.behaviour.talk_seconds
        };
        if let Some(talk) = talk {
            let (operator, conversation_id) = (self.clone(), conversation_id.to_owned());
            rt::spawn(async move {
                sleep(some_duration(talk)).await;
                // Somebody may have hung up before.
                let _ = operator.hang_up(&conversation_id, EndReason::TalkedOut);
            });
        }
    }

    /// The call is over now; its webhook follows in the background.
    pub(super) fn hang_up(&self, conversation_id: &str, reason: EndReason) -> Result<(), ControlRefusal> {
        self.board().hang_up(conversation_id, reason, sources::now())?;
        self.announce_later(conversation_id, Notice::of_end(reason));
        self.report_end(conversation_id);
        Ok(())
    }

    /// Sends a webhook in the background.
    pub(super) fn announce_later(&self, conversation_id: &str, notice: Notice) {
        let (operator, conversation_id) = (self.clone(), conversation_id.to_owned());
        rt::spawn(async move { operator.announce(&conversation_id, notice).await });
    }

    /// Sends a webhook, and returns when it was delivered or given up.
    pub(super) async fn announce(&self, conversation_id: &str, notice: Notice) {
        let (epoch, weather) = {
            let board = self.board();
            (board.epoch(), board.behaviour.webhooks.clone())
        };
        pause(weather.delay_ms).await;
        let body = {
            let mut board = self.board();
            if notice == Notice::Transcription {
                board.finish_analysis(conversation_id);
            }
            board.call(conversation_id).map(|call| notice.body(call, sources::now()))
        };
        if let Some(body) = body {
            self.courier.deliver(&body, epoch, &weather).await;
        }
    }

    /// The carrier's account, if it has one.
    pub(super) fn account(&self) -> Option<&Account> {
        self.courier.account()
    }

    /// What the carrier says of a call.
    pub(super) fn form_of(&self, call: &CarrierCall, status: CarrierStatus) -> Form {
        let account = self.account().map_or("", |account| account.sid.as_str());
        let now = sources::now().to_rfc2822();
        Form::of(&[
            ("CallSid", &call.call_sid),
            ("AccountSid", account),
            ("From", &call.from),
            ("To", &call.to),
            ("CallStatus", status.as_str()),
            ("Direction", "inbound"),
            ("Timestamp", &now),
        ])
    }

    /// Sends a form as the carrier does; the answer's status and body.
    pub(super) async fn post_form(&self, url: &str, form: &Form) -> Option<(u16, String)> {
        self.courier.post_form(url, form).await
    }

    /// Asks the initiation webhook, if there is one; the answer's status and body.
    pub(super) async fn ask_initiation(&self, question: &Value) -> Option<(u16, Value)> {
        let url = self.board().targets.initiation.clone()?;
        self.courier.ask_initiation(&url, question).await
    }
}

/// Somewhere between `min` and `max`. A version 7 UUID ends in random bits: chance enough for a talk.
fn some_duration(talk: TalkSeconds) -> Duration {
    let [.., a, b, c, d] = sources::new_uuid().into_bytes();
    let share = f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX);
    Duration::from_secs_f64(talk.min + (talk.max - talk.min) * share)
}
