//! Twilio, the carrier of those who own their numbers: it asks what to do with an inbound call, and hangs up.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `client` | its REST API: ends calls, says how they stand |
//! | `form`, `signature` | what it sends, read and verified |
//! | `twiml` | what it is told |

mod client;
pub mod form;
pub mod signature;
pub mod twiml;

pub use client::{Account, Twilio, TwilioOptions};
