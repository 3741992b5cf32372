//! The webhook inbox: what was delivered, what it came to, and what waits for its call.

use chrono::{DateTime, Utc};
use entity::webhook_inbox::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, Query, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::connection::Store;
use super::port::StoreError;
use crate::domain::call::{Reference, ReferenceKind, References};
use crate::domain::ids::CallId;
use crate::domain::notice::Notice;

/// Whether a webhook still waits for its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It has had its effect, or has none.
    Settled,
    /// A start whose call is not known yet: it may be one that is being placed.
    Parked,
    /// An end whose call is not known yet: its start, or the answer to its placement, may still come.
    Early,
}

impl DeliveryState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Parked => "parked",
            Self::Early => "early",
        }
    }
}

/// One delivery of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// SHA-256 of the raw body, in hex.
    pub body_hash: String,
    /// The provider's word for it.
    pub event_type: String,
    /// What it says.
    pub notice: Notice,
    /// Whether it waits.
    pub state: DeliveryState,
    /// What it came to.
    pub outcome: &'static str,
    /// The call it was about.
    pub call_id: Option<CallId>,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

/// A webhook that waits for its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedNotice {
    /// Its number in the inbox.
    pub id: i64,
    /// What it says.
    pub notice: Notice,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

impl TryFrom<Model> for ParkedNotice {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let notice = serde_json::from_value(row.notice)
            .map_err(|error| StoreError(format!("inbox row {} cannot be read: {error}", row.id)))?;
        Ok(Self { id: row.id, notice, received_at: row.received_at })
    }
}

/// The row of a delivery.
pub(super) fn row_of(delivery: &Delivery) -> ActiveModel {
    let settled = delivery.state == DeliveryState::Settled;
    ActiveModel {
        id: NotSet,
        body_hash: Set(delivery.body_hash.clone()),
        event_type: Set(delivery.event_type.clone()),
        state: Set(delivery.state.as_str().to_owned()),
        outcome: Set(delivery.outcome.to_owned()),
        call_id: Set(delivery.call_id.map(|id| id.to_string())),
        conversation_id: Set(delivery.notice.conversation().map(str::to_owned)),
        call_sid: Set(delivery.notice.carrier_call().map(str::to_owned)),
        agent_id: Set(delivery.notice.agent_id.as_ref().map(|id| id.as_str().to_owned())),
        notice: Set(serde_json::to_value(&delivery.notice).expect("a notice is a map with text keys")),
        received_at: Set(delivery.received_at),
        settled_at: Set(settled.then_some(delivery.received_at)),
    }
}

/// The webhooks that wait for one of these references.
pub(super) async fn parked_for(
    db: &impl ConnectionTrait,
    references: impl Iterator<Item = &Reference>,
) -> Result<Vec<Model>, DbErr> {
    let (mut conversations, mut carrier_calls) = (Vec::new(), Vec::new());
    for Reference { kind, value } in references {
        match kind {
            ReferenceKind::ConversationId => conversations.push(value.as_str()),
            ReferenceKind::CallSid | ReferenceKind::SipCallId => carrier_calls.push(value.as_str()),
        }
    }
    if conversations.is_empty() && carrier_calls.is_empty() {
        return Ok(Vec::new());
    }
    let any =
        Condition::any().add(Column::ConversationId.is_in(conversations)).add(Column::CallSid.is_in(carrier_calls));
    Entity::find().filter(waits()).filter(any).order_by_asc(Column::Id).all(db).await
}

/// Those that wait for their call, in whichever way.
fn waits() -> SimpleExpr {
    Column::State.is_in([DeliveryState::Parked.as_str(), DeliveryState::Early.as_str()])
}

impl Store {
    /// Whether a webhook with this body was filed before.
    pub async fn was_delivered(&self, body_hash: &str) -> Result<bool, StoreError> {
        Ok(Entity::find().filter(Column::BodyHash.eq(body_hash)).one(self.reader()).await?.is_some())
    }

    /// Lets go of early ends that came before `before`: no start of theirs is to be expected any more.
    pub async fn forget_early_ends(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let forgotten = Entity::update_many()
            .col_expr(Column::State, Expr::value(DeliveryState::Settled.as_str()))
            .col_expr(Column::Outcome, Expr::value("ignored"))
            .col_expr(Column::SettledAt, Expr::value(Some(crate::sources::now())))
            .filter(Column::State.eq(DeliveryState::Early.as_str()))
            .filter(Column::ReceivedAt.lt(before))
            .exec(self.writer())
            .await?;
        Ok(forgotten.rows_affected)
    }

    /// Every start that waits for its call, and every early end whose call is known by now; oldest first.
    pub async fn parked(&self) -> Result<Vec<ParkedNotice>, StoreError> {
        use entity::call_reference;
        let names = Query::select().column(call_reference::Column::Value).from(call_reference::Entity).to_owned();
        let known = Condition::any()
            .add(Column::ConversationId.in_subquery(names.clone()))
            .add(Column::CallSid.in_subquery(names));
        let early = Condition::all().add(Column::State.eq(DeliveryState::Early.as_str())).add(known);
        let due = Condition::any().add(Column::State.eq(DeliveryState::Parked.as_str())).add(early);
        let rows = Entity::find().filter(due).order_by_asc(Column::Id).all(self.reader()).await?;
        rows.into_iter().map(ParkedNotice::try_from).collect()
    }

    /// The webhooks that wait for one of these references.
    pub async fn parked_for(&self, references: &References) -> Result<Vec<ParkedNotice>, StoreError> {
        parked_for(self.reader(), references.iter()).await?.into_iter().map(ParkedNotice::try_from).collect()
    }
}
