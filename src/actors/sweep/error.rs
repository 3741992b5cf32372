//! Why a sweep could not begin, or was cut short.

use crate::actors::inbound::IntakeError;
use crate::provider::ProviderError;
use crate::store::StoreError;

/// A sweep that could not begin, or not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SweepError {
    /// Nobody holds anything, as far as this replica can see.
    #[error("the sweep was cut short: the ledger does not answer, or is being rebuilt")]
    Ledger,
    /// The table, or a session, does not answer.
    #[error("the sweep was cut short: {0}")]
    Store(String),
    /// The provider does not answer, where its answer is all there is.
    #[error("the sweep was cut short: {0}")]
    Provider(String),
    /// It took longer than any sweep may keep others waiting.
    #[error("the sweep was cut short: it took more than {} minutes", super::LONGEST_RUN.as_secs() / 60)]
    TooLong,
    /// It will never be known how far it came.
    #[error("the supervisor crashed")]
    Crashed,
}

impl From<StoreError> for SweepError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<IntakeError> for SweepError {
    fn from(error: IntakeError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<ProviderError> for SweepError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error.to_string())
    }
}
