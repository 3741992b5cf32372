//! callgate: tables.
