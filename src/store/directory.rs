//! The directory: businesses, their agents, their numbers, and whom they must not call.

use entity::{agent, business, do_not_call, phone_number};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::connection::{Key, Store};
use super::port::StoreError;
use crate::domain::business::{Business, Subscription};
use crate::domain::ids::{AgentId, BusinessId, PhoneNumberId};
use crate::domain::oversubscription::Sale;
use crate::domain::phone::E164;
use crate::sources;

/// Businesses asked for in one statement: either database takes only so many values.
const CHUNK: usize = 1_000;

/// An agent of a business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name at the provider.
    pub agent_id: AgentId,
    /// For whom it talks.
    pub business_id: BusinessId,
}

/// A number of a business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneNumber {
    /// Its name at the provider.
    pub phone_number_id: PhoneNumberId,
    /// Whose it is.
    pub business_id: BusinessId,
    /// The number, in E.164.
    pub number: String,
    /// Who talks on it.
    pub agent_id: Option<AgentId>,
}

/// A stored name that is no name: the row was not written by callgate.
fn unreadable(what: impl std::fmt::Display) -> StoreError {
    StoreError(format!("a directory row cannot be read: {what}"))
}

fn limit_of(stored: i32) -> u32 {
    u32::try_from(stored).unwrap_or(0)
}

fn business_of(row: business::Model) -> Result<Business, StoreError> {
    Ok(Business {
        id: row.business_id.parse().map_err(unreadable)?,
        name: row.name,
        plan: row.plan.parse().map_err(unreadable)?,
        subscription: row.status.parse().map_err(unreadable)?,
        concurrent_limit: row.concurrent_limit.map(limit_of),
        inbound_enabled: row.inbound_enabled,
        country: row.country,
    })
}

fn agent_of(row: &agent::Model) -> Result<Agent, StoreError> {
    Ok(Agent {
        agent_id: row.agent_id.parse().map_err(unreadable)?,
        business_id: row.business_id.parse().map_err(unreadable)?,
    })
}

fn phone_number_of(row: phone_number::Model) -> Result<PhoneNumber, StoreError> {
    Ok(PhoneNumber {
        phone_number_id: row.phone_number_id.parse().map_err(unreadable)?,
        business_id: row.business_id.parse().map_err(unreadable)?,
        number: row.number,
        agent_id: row.agent_id.map(|id| id.parse().map_err(unreadable)).transpose()?,
    })
}

impl Store {
    /// The business of that name.
    pub async fn business(&self, id: &BusinessId) -> Result<Option<Business>, StoreError> {
        business::Entity::find_by_id(id.as_str()).one(self.reader()).await?.map(business_of).transpose()
    }

    /// Up to `limit` businesses after `after`, by name.
    pub async fn businesses(&self, after: Option<&BusinessId>, limit: u64) -> Result<Vec<Business>, StoreError> {
        let mut query = business::Entity::find().order_by_asc(business::Column::BusinessId).limit(limit);
        if let Some(after) = after {
            query = query.filter(business::Column::BusinessId.gt(after.as_str()));
        }
        query.all(self.reader()).await?.into_iter().map(business_of).collect()
    }

    /// The businesses of these names, in no order.
    pub async fn businesses_of(&self, ids: &[BusinessId]) -> Result<Vec<Business>, StoreError> {
        let mut businesses = Vec::with_capacity(ids.len());
        for some in ids.chunks(CHUNK) {
            let names = some.iter().map(BusinessId::as_str);
            let rows =
                business::Entity::find().filter(business::Column::BusinessId.is_in(names)).all(self.reader()).await?;
            for row in rows {
                businesses.push(business_of(row)?);
            }
        }
        Ok(businesses)
    }

    /// What was sold to the businesses that may call: those on one plan with one limit of their own together, in no
    /// order.
    pub async fn sales(&self) -> Result<Vec<Sale>, StoreError> {
        let may_call = Subscription::ALL.into_iter().filter(|status| status.permits_calls());
        let rows: Vec<(String, Option<i32>, i64)> = business::Entity::find()
            .select_only()
            .column(business::Column::Plan)
            .column(business::Column::ConcurrentLimit)
            .column_as(business::Column::BusinessId.count(), "businesses")
            .filter(business::Column::Status.is_in(may_call.map(Subscription::as_str)))
            .group_by(business::Column::Plan)
            .group_by(business::Column::ConcurrentLimit)
            .into_tuple()
            .all(self.reader())
            .await?;
        rows.into_iter()
            .map(|(plan, limit, businesses)| {
                Ok(Sale {
                    plan: plan.parse().map_err(unreadable)?,
                    concurrent_limit: limit.map(limit_of),
                    businesses: u64::try_from(businesses).unwrap_or(0),
                })
            })
            .collect()
    }

    /// Registers or changes a business; true where it is new.
    pub async fn put_business(&self, business: &Business) -> Result<bool, StoreError> {
        use business::{ActiveModel, Column, Entity};
        let now = sources::now();
        let row = ActiveModel {
            business_id: Set(business.id.as_str().to_owned()),
            name: Set(business.name.clone()),
            plan: Set(business.plan.as_str().to_owned()),
            status: Set(business.subscription.as_str().to_owned()),
            concurrent_limit: Set(business.concurrent_limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX))),
            inbound_enabled: Set(business.inbound_enabled),
            country: Set(business.country.clone()),
            created_at: Set(now),
            updated_at: Set(now),
        };
        let replace = OnConflict::column(Column::BusinessId)
            .update_columns([
                Column::Name,
                Column::Plan,
                Column::Status,
                Column::ConcurrentLimit,
                Column::InboundEnabled,
                Column::Country,
                Column::UpdatedAt,
            ])
            .to_owned();
        let txn = self.begin().await?;
        txn.lock(vec![Key::of("business", business.id.as_str())]).await?;
        let is_new = Entity::find_by_id(business.id.as_str()).one(&txn).await?.is_none();
        Entity::insert(row).on_conflict(replace).exec_without_returning(&txn).await?;
        txn.commit().await?;
        Ok(is_new)
    }

    /// Removes a business with its agents, numbers and do-not-call list; false where there is none.
    pub async fn delete_business(&self, id: &BusinessId) -> Result<bool, StoreError> {
        let txn = self.begin().await?;
        let deleted = business::Entity::delete_by_id(id.as_str()).exec(&txn).await?;
        agent::Entity::delete_many().filter(agent::Column::BusinessId.eq(id.as_str())).exec(&txn).await?;
        phone_number::Entity::delete_many().filter(phone_number::Column::BusinessId.eq(id.as_str())).exec(&txn).await?;
        do_not_call::Entity::delete_many().filter(do_not_call::Column::BusinessId.eq(id.as_str())).exec(&txn).await?;
        txn.commit().await?;
        Ok(deleted.rows_affected > 0)
    }

    /// The agent of that name.
    pub async fn agent(&self, id: &AgentId) -> Result<Option<Agent>, StoreError> {
        agent::Entity::find_by_id(id.as_str()).one(self.reader()).await?.as_ref().map(agent_of).transpose()
    }

    /// The agents of a business, by name.
    pub async fn agents_of(&self, business: &BusinessId) -> Result<Vec<Agent>, StoreError> {
        let query = agent::Entity::find()
            .filter(agent::Column::BusinessId.eq(business.as_str()))
            .order_by_asc(agent::Column::AgentId);
        query.all(self.reader()).await?.iter().map(agent_of).collect()
    }

    /// Registers an agent; it moves where it belonged to another business.
    pub async fn put_agent(&self, agent: &Agent) -> Result<(), StoreError> {
        use agent::{ActiveModel, Column, Entity};
        let row = ActiveModel {
            agent_id: Set(agent.agent_id.as_str().to_owned()),
            business_id: Set(agent.business_id.as_str().to_owned()),
            created_at: Set(sources::now()),
        };
        let replace = OnConflict::column(Column::AgentId).update_column(Column::BusinessId).to_owned();
        Entity::insert(row).on_conflict(replace).exec_without_returning(self.writer()).await?;
        Ok(())
    }

    /// Removes an agent of a business; false where it has none of that name.
    pub async fn delete_agent(&self, business: &BusinessId, id: &AgentId) -> Result<bool, StoreError> {
        let deleted = agent::Entity::delete_by_id(id.as_str())
            .filter(agent::Column::BusinessId.eq(business.as_str()))
            .exec(self.writer())
            .await?;
        Ok(deleted.rows_affected > 0)
    }

    /// The number of that name.
    pub async fn phone_number(&self, id: &PhoneNumberId) -> Result<Option<PhoneNumber>, StoreError> {
        phone_number::Entity::find_by_id(id.as_str()).one(self.reader()).await?.map(phone_number_of).transpose()
    }

    /// Who talks on that telephone number; of several registrations the first, by name, that says so.
    pub async fn agent_on(&self, number: &E164) -> Result<Option<AgentId>, StoreError> {
        let query = phone_number::Entity::find()
            .filter(phone_number::Column::Number.eq(number.expose()))
            .filter(phone_number::Column::AgentId.is_not_null())
            .order_by_asc(phone_number::Column::PhoneNumberId);
        Ok(query.one(self.reader()).await?.map(phone_number_of).transpose()?.and_then(|number| number.agent_id))
    }

    /// The numbers of a business, by name.
    pub async fn phone_numbers_of(&self, business: &BusinessId) -> Result<Vec<PhoneNumber>, StoreError> {
        let query = phone_number::Entity::find()
            .filter(phone_number::Column::BusinessId.eq(business.as_str()))
            .order_by_asc(phone_number::Column::PhoneNumberId);
        query.all(self.reader()).await?.into_iter().map(phone_number_of).collect()
    }

    /// Registers or changes a number.
    pub async fn put_phone_number(&self, number: &PhoneNumber) -> Result<(), StoreError> {
        use phone_number::{ActiveModel, Column, Entity};
        let row = ActiveModel {
            phone_number_id: Set(number.phone_number_id.as_str().to_owned()),
            business_id: Set(number.business_id.as_str().to_owned()),
            number: Set(number.number.clone()),
            agent_id: Set(number.agent_id.as_ref().map(|id| id.as_str().to_owned())),
            created_at: Set(sources::now()),
        };
        let replace = OnConflict::column(Column::PhoneNumberId)
            .update_columns([Column::BusinessId, Column::Number, Column::AgentId])
            .to_owned();
        Entity::insert(row).on_conflict(replace).exec_without_returning(self.writer()).await?;
        Ok(())
    }

    /// Removes a number of a business; false where it has none of that name.
    pub async fn delete_phone_number(&self, business: &BusinessId, id: &PhoneNumberId) -> Result<bool, StoreError> {
        let deleted = phone_number::Entity::delete_by_id(id.as_str())
            .filter(phone_number::Column::BusinessId.eq(business.as_str()))
            .exec(self.writer())
            .await?;
        Ok(deleted.rows_affected > 0)
    }

    /// Whether the business must not call that number.
    pub async fn is_do_not_call(&self, business: &BusinessId, number: &E164) -> Result<bool, StoreError> {
        let key = (business.as_str().to_owned(), number.expose().to_owned());
        Ok(do_not_call::Entity::find_by_id(key).one(self.reader()).await?.is_some())
    }

    /// Lists a number that the business must not call.
    pub async fn put_do_not_call(&self, business: &BusinessId, number: &E164) -> Result<(), StoreError> {
        use do_not_call::{ActiveModel, Column, Entity};
        let row = ActiveModel {
            business_id: Set(business.as_str().to_owned()),
            number: Set(number.expose().to_owned()),
            created_at: Set(sources::now()),
        };
        let once = OnConflict::columns([Column::BusinessId, Column::Number]).do_nothing().to_owned();
        Entity::insert(row).on_conflict(once).try_insert().exec_without_returning(self.writer()).await?;
        Ok(())
    }

    /// Takes a number off the list; false where it was not on it.
    pub async fn delete_do_not_call(&self, business: &BusinessId, number: &E164) -> Result<bool, StoreError> {
        let key = (business.as_str().to_owned(), number.expose().to_owned());
        let deleted = do_not_call::Entity::delete_by_id(key).exec(self.writer()).await?;
        Ok(deleted.rows_affected > 0)
    }
}
