//! The names under which the provider knows a call.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What kind of name a reference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// The provider's conversation.
    ConversationId,
    /// The carrier's call (Twilio).
    CallSid,
    /// The SIP trunk's call.
    SipCallId,
}

impl ReferenceKind {
    /// The word used in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConversationId => "conversation_id",
            Self::CallSid => "call_sid",
            Self::SipCallId => "sip_call_id",
        }
    }
}

impl fmt::Display for ReferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ReferenceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::ConversationId, Self::CallSid, Self::SipCallId]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("no kind of reference: {text}"))
    }
}

/// One name of a call at the provider; unique over all calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// What kind of name.
    pub kind: ReferenceKind,
    /// The name.
    pub value: String,
}

impl Reference {
    /// A conversation's name.
    pub fn conversation(value: impl Into<String>) -> Self {
        Self { kind: ReferenceKind::ConversationId, value: value.into() }
    }

    /// A carrier call's name of either kind: providers say `call_sid` for SIP calls too, but Twilio's begin with `CA`.
    pub fn carrier_call(value: impl Into<String>) -> Self {
        let value = value.into();
        if value.starts_with("CA") { Self::call_sid(value) } else { Self::sip_call_id(value) }
    }

    /// A Twilio call's name.
    pub fn call_sid(value: impl Into<String>) -> Self {
        Self { kind: ReferenceKind::CallSid, value: value.into() }
    }

    /// A SIP call's name.
    pub fn sip_call_id(value: impl Into<String>) -> Self {
        Self { kind: ReferenceKind::SipCallId, value: value.into() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind, self.value)
    }
}

/// All the names that are known of one call, in the order in which they were learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct References(Vec<Reference>);

impl References {
    /// No names yet.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The conversation, if it is known.
    pub fn conversation(&self) -> Option<&str> {
        self.of_kind(ReferenceKind::ConversationId)
    }

    /// The first name of that kind.
    pub fn of_kind(&self, kind: ReferenceKind) -> Option<&str> {
        self.0.iter().find(|reference| reference.kind == kind).map(|reference| reference.value.as_str())
    }

    /// Whether this name is among them.
    pub fn contains(&self, reference: &Reference) -> bool {
        self.0.contains(reference)
    }

    /// Those of `others` that are not known yet.
    #[must_use]
    pub fn news_in(&self, others: &Self) -> Self {
        Self(others.0.iter().filter(|reference| !self.contains(reference)).cloned().collect())
    }

    /// Adds the names that are not known yet.
    pub fn learn(&mut self, others: &Self) {
        let news = self.news_in(others);
        self.0.extend(news.0);
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after another.
    pub fn iter(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter()
    }
}

impl FromIterator<Reference> for References {
    fn from_iter<I: IntoIterator<Item = Reference>>(references: I) -> Self {
        let mut all = Self::none();
        for reference in references {
            if !all.contains(&reference) {
                all.0.push(reference);
            }
        }
        all
    }
}
