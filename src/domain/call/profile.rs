//! What a call is about: who it is for, which agent talks, where it came from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{AgentId, BusinessId, PhoneNumberId, PlanName, PoolId};
use crate::domain::phone::MaskedNumber;

/// Who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The gate asked the provider to dial.
    Outbound,
    /// Somebody called a number of the platform.
    Inbound,
}

impl Direction {
    /// The word used in JSON, metrics and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Direction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "outbound" => Ok(Self::Outbound),
            "inbound" => Ok(Self::Inbound),
            _ => Err(format!("no direction: {text}")),
        }
    }
}

/// Through which door a call came; the platform may name its own (up to 32 characters).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(String);

impl Source {
    /// `POST /api/calls`.
    pub fn api() -> Self {
        Self("api".to_owned())
    }

    /// A named door.
    pub fn named(name: &str) -> Self {
        Self(name.chars().filter(|c| !c.is_control()).take(32).collect())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is known of a call when it is first heard of. Holds no whole telephone number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The provider account.
    pub pool: PoolId,
    /// Who it is for.
    pub business_id: BusinessId,
    /// The plan of the business at that moment.
    pub plan: PlanName,
    /// Who dialled.
    pub direction: Direction,
    /// Through which door it came.
    pub source: Source,
    /// Who talks.
    pub agent_id: AgentId,
    /// The platform's number, by its name at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<PhoneNumberId>,
    /// The other end, with its middle hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterpart: Option<MaskedNumber>,
    /// The platform's name for whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// SHA-256 of the request body, in hex: the same Idempotency-Key must bring the same body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
    /// When the gate hangs up, in seconds, where the caller asked for a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u32>,
}
