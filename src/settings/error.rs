//! Why settings are refused: always one line that names the key, the value and what is accepted.

use std::path::PathBuf;

use thiserror::Error;

/// Why the settings are refused. Its text is one line, fit for the operator, without secrets.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// A value is not one of those that its key accepts.
    #[error("{key} = {value}: accepted are {accepted}")]
    NotAccepted {
        /// The key, as `section.key`.
        key: String,
        /// The value as it was written, `***` for secrets.
        value: String,
        /// What the key accepts.
        accepted: String,
    },
    /// There is no such key.
    #[error("{key} = {value}: no such key; accepted are {accepted}")]
    UnknownKey {
        /// The key, as `section.key`.
        key: String,
        /// The value as it was written, `***` where it may be a secret.
        value: String,
        /// The keys that there are in the section, or the sections.
        accepted: String,
    },
    /// The configuration file cannot be read, or is not TOML.
    #[error("{}: {reason}; accepted are readable TOML files", .file.display())]
    File {
        /// The file as it was named.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
