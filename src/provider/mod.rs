//! Voice providers: the port through which calls are placed, looked up and hung up, and who speaks it.

pub mod elevenlabs;
mod port;
pub mod simulator;

pub use port::{
    Conversation, ConversationPage, ConversationState, DialPermit, HangUp, HangUpWay, NotDialled, Placement,
    PlacementOutcome, ProviderError, Stretch, VoiceProvider,
};
