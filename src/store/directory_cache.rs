//! The directory as requests read it: at most half a second old, so that a storm of refusals asks the database rarely.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::connection::Store;
use super::directory::{Agent, PhoneNumber};
use super::port::StoreError;
use crate::domain::business::Business;
use crate::domain::ids::{AgentId, BusinessId, PhoneNumberId};
use crate::domain::oversubscription::Sale;
use crate::domain::phone::E164;

/// A change counts for the next admission on every replica within a second.
const FRESH: Duration = Duration::from_millis(500);
/// Rows of each kind that are kept.
const MOST: u64 = 100_000;

/// A read-through cache of the directory. Clones share it.
#[derive(Clone, Debug)]
pub struct DirectoryCache {
    store: Store,
    businesses: Cache<BusinessId, Option<Arc<Business>>>,
    agents: Cache<AgentId, Option<Arc<Agent>>>,
    numbers: Cache<PhoneNumberId, Option<Arc<PhoneNumber>>>,
    agents_on: Cache<E164, Option<AgentId>>,
    forbidden: Cache<(BusinessId, E164), bool>,
    sales: Cache<(), Arc<[Sale]>>,
}

fn cache<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().time_to_live(FRESH).max_capacity(MOST).build()
}

fn shared<T>(row: Option<T>) -> Option<Arc<T>> {
    row.map(Arc::new)
}

impl DirectoryCache {
    /// An empty cache over `store`.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            businesses: cache(),
            agents: cache(),
            numbers: cache(),
            agents_on: cache(),
            forbidden: cache(),
            sales: cache(),
        }
    }

    /// The business of that name; the demo's is always there.
    pub async fn business(&self, id: &BusinessId) -> Result<Option<Arc<Business>>, StoreError> {
        if *id == BusinessId::demo() {
            return Ok(shared(Some(Business::demo())));
        }
        let read = async { self.store.business(id).await.map(shared) };
        self.businesses.try_get_with_by_ref(id, read).await.map_err(|error| (*error).clone())
    }

    /// The agent of that name.
    pub async fn agent(&self, id: &AgentId) -> Result<Option<Arc<Agent>>, StoreError> {
        let read = async { self.store.agent(id).await.map(shared) };
        self.agents.try_get_with_by_ref(id, read).await.map_err(|error| (*error).clone())
    }

    /// The number of that name.
    pub async fn phone_number(&self, id: &PhoneNumberId) -> Result<Option<Arc<PhoneNumber>>, StoreError> {
        let read = async { self.store.phone_number(id).await.map(shared) };
        self.numbers.try_get_with_by_ref(id, read).await.map_err(|error| (*error).clone())
    }

    /// Who talks on that telephone number.
    pub async fn agent_on(&self, number: &E164) -> Result<Option<AgentId>, StoreError> {
        let read = self.store.agent_on(number);
        self.agents_on.try_get_with_by_ref(number, read).await.map_err(|error| (*error).clone())
    }

    /// Whether the business must not call that number.
    pub async fn is_do_not_call(&self, business: &BusinessId, number: &E164) -> Result<bool, StoreError> {
        let read = self.store.is_do_not_call(business, number);
        let key = (business.clone(), number.clone());
        self.forbidden.try_get_with(key, read).await.map_err(|error| (*error).clone())
    }

    /// What was sold to the businesses that may call. The demo's was sold to nobody.
    pub async fn sales(&self) -> Result<Arc<[Sale]>, StoreError> {
        let read = async { self.store.sales().await.map(Arc::from) };
        self.sales.try_get_with((), read).await.map_err(|error| (*error).clone())
    }

    /// Forgets everything: the directory was changed on this replica, and the next request is to see it.
    pub fn forget(&self) {
        self.businesses.invalidate_all();
        self.agents.invalidate_all();
        self.numbers.invalidate_all();
        self.agents_on.invalidate_all();
        self.forbidden.invalidate_all();
        self.sales.invalidate_all();
    }
}
