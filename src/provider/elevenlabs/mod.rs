//! `ElevenLabs` Agents.

pub mod wire;
