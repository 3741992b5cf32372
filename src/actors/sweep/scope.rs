//! How much a sweep compares.

use std::str::FromStr;

/// Which views are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Ledger, table and provider.
    Full,
    /// Ledger against table.
    Ledger,
    /// Table against provider.
    Provider,
    /// Table against provider, where the provider's count says that some call is over.
    Ends,
}

impl Scope {
    /// Whether a sweep of this scope compares all that one of the other would.
    pub fn covers(self, other: Self) -> bool {
        match self {
            Self::Full => true,
            Self::Provider => matches!(other, Self::Provider | Self::Ends),
            Self::Ledger | Self::Ends => self == other,
        }
    }

    pub(super) fn compares_the_ledger(self) -> bool {
        matches!(self, Self::Full | Self::Ledger)
    }

    pub(super) fn compares_the_provider(self) -> bool {
        self != Self::Ledger
    }

    /// The word used in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Ledger => "ledger",
            Self::Provider => "provider",
            Self::Ends => "ends",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Full, Self::Ledger, Self::Provider, Self::Ends];
        let accepted = "accepted are full, ledger, provider and ends";
        all.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| accepted.to_owned())
    }
}
