//! ElevenLabs Agents, over its public HTTP API.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `client` | the HTTP clients of a thread, the key, the base address |
//! | `placing` | outbound calls: what is certain, what is not |
//! | `reading` | conversations: one, those of a call, those that are live |
//! | `hanging_up` | the monitor WebSocket, DELETE, and the proof that it worked |
//! | `signature`, `webhook` | what the provider sends, verified and normalised |
//! | `wire` | the bodies |

mod client;
mod hanging_up;
mod placing;
mod reading;
pub mod signature;
pub mod webhook;
pub mod wire;

#[cfg(test)]
mod tests;

pub use client::{ElevenLabs, ElevenLabsOptions, Transport};
