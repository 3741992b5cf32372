//! callgate: a gate for live phone calls.
