//! What a webhook says, heard by the call that it is about.

use actix::{ActorFutureExt, AtomicResponse, Context, Handler, Message};

use super::log::Entry;
use super::{CallSessionActor, SessionError};
use crate::domain::notice::Notice;
use crate::store::{Delivery, ParkedNotice, Trace};

/// A webhook about this call.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<&'static str, SessionError>")]
pub struct Hear {
    /// What it says.
    pub notice: Notice,
    /// Its inbox row, if it has none yet.
    pub delivery: Option<Delivery>,
    /// Its inbox row, if it was parked.
    pub settles: Vec<i64>,
    /// To which request it belongs.
    pub trace: Trace,
}

impl Hear {
    /// A webhook that had been waiting for this call.
    pub(super) fn parked(parked: ParkedNotice) -> Self {
        Self {
            notice: parked.notice,
            delivery: None,
            settles: vec![parked.id],
            trace: Trace::caused_by("parked_webhook"),
        }
    }
}

impl Handler<Hear> for CallSessionActor {
    type Result = AtomicResponse<Self, Result<&'static str, SessionError>>;

    fn handle(&mut self, Hear { notice, delivery, settles, trace }: Hear, _: &mut Context<Self>) -> Self::Result {
        let command = notice.command();
        let recorded = self.record(Entry { command, delivery, settles, trace });
        AtomicResponse::new(Box::pin(recorded.map(|recorded, _, _| Ok(recorded?.outcome))))
    }
}
