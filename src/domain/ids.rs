//! The names of things: calls, businesses, pools, agents, numbers.
//!
//! Text is parsed once, at the edge; a value of one of these types is valid everywhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one call for its whole life: a UUIDv7, or a UUIDv5 where an Idempotency-Key was sent or the provider had named
/// the call before the gate knew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(Uuid);

/// The namespace of call ids that are derived from an Idempotency-Key.
const IDEMPOTENCY_NAMESPACE: Uuid = Uuid::from_u128(0x6b1e_35c2_77d4_5a0e_9d0f_c411_6a7e_0001);

/// The namespace of call ids that are derived from a name that the provider gave.
const NEWCOMER_NAMESPACE: Uuid = Uuid::from_u128(0x6b1e_35c2_77d4_5a0e_9d0f_c411_6a7e_0002);

impl CallId {
    /// Wraps a UUID made by the id source.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id of the `attempt`-th call (from 1) asked for under `key` by `business`.
    ///
    /// Equal input gives an equal id on every replica, so the database's unique sequence
    /// decides which request dials.
    pub fn of_attempt(business: &BusinessId, key: &str, attempt: u32) -> Self {
        // A length before each part keeps ("a", "bc") apart from ("ab", "c").
        let name = format!("{}:{business}{}:{key}{attempt}", business.as_str().len(), key.len());
        Self(Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, name.as_bytes()))
    }

    /// The id of the `attempt`-th admission (from 1) of a call that the provider knows by the name `value` of that `kind`.
    ///
    /// Equal on every replica, so those that hear of one call at once ask for one slot.
    pub fn of_newcomer(kind: &str, value: &str, attempt: u32) -> Self {
        let name = format!("{}:{kind}{}:{value}{attempt}", kind.len(), value.len());
        Self(Uuid::new_v5(&NEWCOMER_NAMESPACE, name.as_bytes()))
    }

    /// The UUID inside.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for CallId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| IdError { what: "call id", longest: 36 })
    }
}

/// One attempt to admit a call: two attempts for the same call are told apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseId(pub u64);

/// Text that cannot be the name it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {what} is 1 to {longest} printable characters without spaces at its ends")]
pub struct IdError {
    what: &'static str,
    longest: usize,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $longest:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The text inside.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                let fits = !text.is_empty()
                    && text.chars().count() <= $longest
                    && text.trim().len() == text.len()
                    && !text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER);
                if fits {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { what: $what, longest: $longest })
                }
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Names a tenant of the platform.
    BusinessId, "businessId", 64
);
text_id!(
    /// Names one provider account and its cap.
    PoolId, "pool id", 64
);
text_id!(
    /// Names a plan, for example `PRO`.
    PlanName, "plan name", 32
);
text_id!(
    /// Names a voice agent at the provider.
    AgentId, "agentId", 128
);
text_id!(
    /// Names a phone number at the provider.
    PhoneNumberId, "phoneNumberId", 128
);

impl PoolId {
    /// The one pool that the configuration knows today.
    pub fn default_pool() -> Self {
        Self("default".into())
    }
}

impl BusinessId {
    /// The business of the public demo door.
    pub fn demo() -> Self {
        Self("999999".into())
    }

    /// Who holds the slot of an inbound call whose agent nobody registered.
    pub fn unassigned() -> Self {
        Self("unassigned".into())
    }
}

impl PlanName {
    /// The plan of inbound calls whose agent nobody registered.
    pub fn unassigned() -> Self {
        Self("UNASSIGNED".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_and_attempt_give_the_same_id_and_any_other_part_another() {
        let business: BusinessId = "42".parse().unwrap();
        let other: BusinessId = "4".parse().unwrap();
        let id = CallId::of_attempt(&business, "k", 1);
        assert_eq!(id, CallId::of_attempt(&business, "k", 1));
        assert_ne!(id, CallId::of_attempt(&business, "k", 2));
        assert_ne!(id, CallId::of_attempt(&business, "k1", 1));
        assert_ne!(CallId::of_attempt(&other, "2k", 1), CallId::of_attempt(&business, "k", 1));
    }

    #[test]
    fn a_newcomer_has_the_same_id_wherever_it_is_heard_of_and_no_other_call_has_it() {
        let id = CallId::of_newcomer("conversation_id", "conv_1", 1);
        assert_eq!(id, CallId::of_newcomer("conversation_id", "conv_1", 1));
        assert_ne!(id, CallId::of_newcomer("conversation_id", "conv_1", 2));
        assert_ne!(id, CallId::of_newcomer("call_sid", "conv_1", 1));
        assert_ne!(
            CallId::of_newcomer("conversation_id", "conv_", 11),
            CallId::of_newcomer("conversation_id", "conv_1", 1)
        );
        let business: BusinessId = "conversation_id".parse().unwrap();
        assert_ne!(id, CallId::of_attempt(&business, "conv_1", 1), "a client's key names no call of the provider's");
    }

    #[test]
    fn text_ids_refuse_what_is_empty_long_padded_or_unprintable() {
        for text in ["", " 42", "42 ", "4\n2", &"x".repeat(65)] {
            assert!(text.parse::<BusinessId>().is_err(), "{text:?}");
        }
        assert_eq!("ü".repeat(64).parse::<BusinessId>().unwrap().as_str().chars().count(), 64);
    }
}
