//! A tenant of the platform: its plan, its subscription, its limit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::{BusinessId, PlanName};
use super::plan::Plans;

/// Whether a business may place calls at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Subscription {
    /// Paying.
    Active,
    /// Trying; may do what a paying one may.
    Trial,
    /// Stopped for a while.
    Suspended,
    /// Gone.
    Cancelled,
}

impl Subscription {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Trial, Self::Suspended, Self::Cancelled];

    /// Whether calls may start.
    pub fn permits_calls(self) -> bool {
        matches!(self, Self::Active | Self::Trial)
    }

    /// The word used in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Trial => "TRIAL",
            Self::Suspended => "SUSPENDED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Subscription {
    type Err = UnknownSubscription;

    fn from_str(text: &str) -> Result<Self, UnknownSubscription> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownSubscription)
    }
}

/// A status that is none of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("status is one of ACTIVE, TRIAL, SUSPENDED, CANCELLED")]
pub struct UnknownSubscription;

/// A tenant as the directory knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Business {
    /// Its name in the platform.
    pub id: BusinessId,
    /// What people call it.
    pub name: String,
    /// The plan it is on.
    pub plan: PlanName,
    /// Whether it may call.
    pub subscription: Subscription,
    /// Overrides the plan's limit; 0 switches calls off.
    pub concurrent_limit: Option<u32>,
    /// Whether inbound calls are taken.
    pub inbound_enabled: bool,
    /// ISO 3166-1 alpha-2 country by which national numbers are read.
    pub country: Option<String>,
}

/// The public demo's limit, however small the pool is.
const DEMO_LIMIT: u32 = 999;

impl Business {
    /// The reserved business behind the public demo door.
    pub fn demo() -> Self {
        Self {
            id: BusinessId::demo(),
            name: "Public demo".to_owned(),
            plan: "ENTERPRISE".parse().expect("a fixed, valid plan name"),
            subscription: Subscription::Active,
            concurrent_limit: Some(DEMO_LIMIT),
            inbound_enabled: true,
            country: None,
        }
    }

    /// Calls at once that this business may have, as [`Plans::limit`] tells it.
    pub fn limit(&self, plans: &Plans, cap: u32) -> u32 {
        plans.limit(&self.plan, self.concurrent_limit, cap)
    }
}
