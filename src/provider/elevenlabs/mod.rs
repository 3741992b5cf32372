//! ElevenLabs Agents, over its public HTTP API.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `client` | the HTTP clients of a thread, the key, the base address |
//! | `once` | requests that must not be sent twice, or too late |
//! | `placing` | outbound calls: what is certain, what is not |
//! | `registering` | inbound calls that a carrier is about to connect |
//! | `reading` | conversations: one, those of a call, those that are live |
//! | `hanging_up` | the monitor WebSocket, the carrier, DELETE, and the proof that it worked |
//! | `signature`, `webhook` | what the provider sends, verified and normalised |
//! | `wire` | the bodies |

mod client;
mod hanging_up;
mod once;
mod placing;
mod reading;
mod registering;
pub mod signature;
pub mod webhook;
pub mod wire;

#[cfg(test)]
mod tests;

pub use client::{ElevenLabs, ElevenLabsOptions, Transport};
