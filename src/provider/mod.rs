//! Voice providers: the port through which calls are placed, looked up and hung up, and who speaks it.
//! `twilio` is no provider but a carrier: it asks before it connects a call, and hangs up.

mod address;
pub mod elevenlabs;
mod port;
pub mod simulator;
pub mod twilio;

pub use port::{
    Conversation, ConversationPage, ConversationState, DialPermit, HangUp, HangUpWay, NotDialled, NotRegistered,
    Placement, PlacementOutcome, ProviderError, Registration, Stretch, VoiceProvider,
};
