//! callgate: schema.
