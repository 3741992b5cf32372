//! Why calls end, why they are hung up, why a placement is in doubt, and who says so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares an enum of words: one list serves JSON, the database and parsing.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word used in JSON and in the database.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL
                    .iter()
                    .find(|word| word.as_str() == text)
                    .copied()
                    .ok_or_else(|| format!("{text:?} is none of {}", Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ")))
            }
        }
    };
}
pub(super) use words;

words! {
    /// Why a call is over.
    EndReason {
        /// It was talked to its end.
        Completed = "completed",
        /// The other end was busy.
        Busy = "busy",
        /// Nobody answered.
        NoAnswer = "no_answer",
        /// The provider could not start it, and did not say why.
        InitiationFailed = "initiation_failed",
        /// The provider refused the placement.
        ProviderRefused = "provider_refused",
        /// The provider was full: 429.
        Provider429 = "provider_429",
        /// The gate did not dial: it could no longer be sure that it may.
        NotDialled = "not_dialled",
        /// Hung up before it was dialled.
        Cancelled = "cancelled",
        /// An operator ended it.
        Operator = "operator",
        /// An inbound call that found no slot.
        Capacity = "capacity",
        /// An inbound call to a business that takes none.
        InboundDisabled = "inbound_disabled",
        /// It reached its maximum duration.
        MaxDuration = "max_duration",
        /// It came alive after the gate had given it up.
        Late = "late",
        /// Admitted before it talked, and never heard of again.
        NeverBound = "never_bound",
        /// An admission whose commit was in doubt, closed.
        Abandoned = "abandoned",
        /// A sweep learnt from the provider that it is over.
        ProviderEnded = "provider_ended",
        /// Two looks, far enough apart, found no trace of it at the provider.
        ProviderMissing = "provider_missing",
        /// Older than any call may be, and not live at the provider.
        AgedOut = "aged_out",
        /// Live at the provider, unknown to the gate, and unwanted.
        Unmanaged = "unmanaged",
    }
}

impl EndReason {
    /// Whether the call never came to be a conversation.
    pub fn is_failure(self) -> bool {
        !matches!(
            self,
            Self::Completed
                | Self::Operator
                | Self::Capacity
                | Self::InboundDisabled
                | Self::MaxDuration
                | Self::Late
                | Self::ProviderEnded
                | Self::Unmanaged
        )
    }

    /// Whether an Idempotency-Key may be used again after it: certainly nothing was dialled.
    pub fn frees_idempotency_key(self) -> bool {
        matches!(self, Self::Provider429 | Self::NotDialled | Self::Abandoned)
    }
}

words! {
    /// Why the gate hangs up.
    TerminationReason {
        /// No slot for an inbound call.
        Capacity = "capacity",
        /// The business takes no inbound calls.
        InboundDisabled = "inbound_disabled",
        /// Somebody with the right to do so asked for it.
        Operator = "operator",
        /// The maximum duration is reached.
        MaxDuration = "max_duration",
        /// It came alive after the gate had given it up.
        Late = "late",
        /// Unknown to the gate, and unwanted by policy.
        Unmanaged = "unmanaged",
    }
}

impl From<TerminationReason> for EndReason {
    fn from(reason: TerminationReason) -> Self {
        match reason {
            TerminationReason::Capacity => Self::Capacity,
            TerminationReason::InboundDisabled => Self::InboundDisabled,
            TerminationReason::Operator => Self::Operator,
            TerminationReason::MaxDuration => Self::MaxDuration,
            TerminationReason::Late => Self::Late,
            TerminationReason::Unmanaged => Self::Unmanaged,
        }
    }
}

words! {
    /// Why nobody knows whether the provider dialled.
    Doubt {
        /// No answer in time.
        Timeout = "timeout",
        /// The connection broke after the request was sent.
        ConnectionLost = "connection_lost",
        /// A 5xx, or an answer that cannot be read.
        UnclearAnswer = "unclear_answer",
        /// The process that was placing it is gone.
        Crash = "crash",
    }
}

words! {
    /// Who says what an event says.
    Witness {
        /// The provider's answer to the placement.
        Answer = "answer",
        /// A webhook.
        Webhook = "webhook",
        /// A look-up at the provider.
        LookUp = "look_up",
        /// The gate itself.
        Gate = "gate",
        /// A person.
        Operator = "operator",
    }
}

impl Witness {
    /// Whether this is the provider speaking; all else is the gate's own conclusion, or an operator's.
    pub fn is_the_provider(self) -> bool {
        matches!(self, Self::Answer | Self::Webhook | Self::LookUp)
    }
}
