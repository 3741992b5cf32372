//! `[provider]`: who carries the calls, and how they are hung up.

use std::time::Duration;

use super::{
    Secret, SettingsError,
    section::Section,
    url::{HTTP_BASE, http_base},
};

/// `[provider]`.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Who carries the calls. Where the configuration does not say: ElevenLabs when there is a key.
    pub kind: ProviderKind,
    /// How ElevenLabs dials out.
    pub transport: ProviderTransport,
    /// After it a placement without an answer is uncertain.
    pub place_timeout: Duration,
    /// Ways to hang up in the order to try them; at least one, none twice.
    pub terminate: Vec<HangUpWay>,
    /// Base of the provider's API, without a slash at its end.
    pub base_url: String,
    /// Key for the provider's API; always there with [`ProviderKind::Elevenlabs`].
    pub api_key: Option<Secret>,
    /// For [`HangUpWay::Twilio`] and the Twilio webhooks.
    pub twilio: Option<TwilioCredentials>,
    /// Base of Twilio's API, without a slash at its end.
    pub twilio_base_url: String,
}

/// Who carries the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// ElevenLabs Agents.
    Elevenlabs,
    /// The simulated provider.
    Simulator,
}

/// How ElevenLabs dials out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderTransport {
    /// Its Twilio integration.
    Twilio,
    /// A SIP trunk.
    Sip,
}

/// A way to hang up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUpWay {
    /// ElevenLabs' monitor WebSocket.
    Monitor,
    /// Twilio's REST API.
    Twilio,
    /// DELETE of the conversation; only for calls that never had a slot.
    Delete,
}

/// A Twilio account and its token.
#[derive(Clone, Debug)]
pub struct TwilioCredentials {
    /// Account SID.
    pub account_sid: String,
    /// Its token; it also signs Twilio's webhooks.
    pub auth_token: Secret,
}

impl ProviderSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        let api_key = section.secret("api_key")?;
        Ok(Self {
            kind: kind(section, api_key.is_some())?,
            transport: section.parsed("transport", "twilio, sip", |text| match text {
                "twilio" => Some(ProviderTransport::Twilio),
                "sip" => Some(ProviderTransport::Sip),
                _ => None,
            })?,
            place_timeout: section.seconds("place_timeout_seconds", 1..=600)?,
            terminate: hang_up_ways(section)?,
            base_url: section.parsed("base_url", HTTP_BASE, http_base)?,
            api_key,
            twilio: twilio(section)?,
            twilio_base_url: section.parsed("twilio_base_url", HTTP_BASE, http_base)?,
        })
    }
}

fn kind(section: &Section<'_>, has_api_key: bool) -> Result<ProviderKind, SettingsError> {
    let kind = section.optional("kind", "elevenlabs, simulator", |text| match text {
        "elevenlabs" => Some(ProviderKind::Elevenlabs),
        "simulator" => Some(ProviderKind::Simulator),
        _ => None,
    })?;
    match kind {
        Some(ProviderKind::Elevenlabs) if !has_api_key => {
            Err(section.refuse("kind", "elevenlabs together with provider.api_key, simulator"))
        }
        Some(kind) => Ok(kind),
        None if has_api_key => Ok(ProviderKind::Elevenlabs),
        None => Ok(ProviderKind::Simulator),
    }
}

fn hang_up_ways(section: &Section<'_>) -> Result<Vec<HangUpWay>, SettingsError> {
    let accepted = "lists of monitor, twilio, delete, each at most once and at least one";
    let ways = section.list("terminate", accepted, |item| match item {
        "monitor" => Some(HangUpWay::Monitor),
        "twilio" => Some(HangUpWay::Twilio),
        "delete" => Some(HangUpWay::Delete),
        _ => None,
    })?;
    let repeated = (1..ways.len()).any(|at| ways[..at].contains(&ways[at]));
    if ways.is_empty() || repeated {
        return Err(section.refuse("terminate", accepted));
    }
    Ok(ways)
}

fn twilio(section: &Section<'_>) -> Result<Option<TwilioCredentials>, SettingsError> {
    let account_sid = section.word("twilio_account_sid")?;
    let auth_token = section.secret("twilio_auth_token")?;
    match (account_sid, auth_token) {
        (None, None) => Ok(None),
        (Some(account_sid), Some(auth_token)) => Ok(Some(TwilioCredentials { account_sid, auth_token })),
        (None, Some(_)) => {
            Err(section.refuse("twilio_account_sid", "an account while provider.twilio_auth_token is set"))
        }
        (Some(_), None) => Err(section.refuse("twilio_auth_token", "a token while provider.twilio_account_sid is set")),
    }
}
