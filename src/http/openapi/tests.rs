//! The document is true: it names the routes that there are, and every error.
