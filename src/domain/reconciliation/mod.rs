//! What a sweep concludes from what it saw.
