//! `[webhooks]`: what the provider's webhooks must prove.

use std::time::Duration;

use super::{
    Secret, SettingsError,
    section::{Section, word},
};

/// `[webhooks]`.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Any of them may have signed; several while one replaces another.
    pub secrets: Vec<Secret>,
    /// How far the time in a signature may be from now, both ways.
    pub tolerance: Duration,
    /// Whether unsigned webhooks are taken while there is no secret.
    pub allow_unsigned: bool,
}

impl WebhookSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        let accepted = "lists of secrets of 1 to 512 visible ASCII characters without spaces";
        Ok(Self {
            secrets: section
                .list("secrets", accepted, |item| word(item).filter(|item| !item.is_empty()).map(Secret::new))?,
            tolerance: section.seconds("tolerance_seconds", 1..=86_400)?,
            allow_unsigned: section.switch("allow_unsigned")?,
        })
    }
}
