//! One section of the settings, and the typed ways to read its keys.
//! A value that a key does not accept is refused here, by name.

use std::{ops::RangeInclusive, time::Duration};

use config::ValueKind;

use super::{SettingsError, secret::Secret, source::Layers};

/// What [`word`] accepts, for an error.
pub(super) const WORD: &str = "up to 512 visible ASCII characters without spaces";

/// A name, key or token that travels in headers and URLs.
pub(super) fn word(text: &str) -> Option<String> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && text.len() <= 512).then(|| text.to_owned())
}

/// The keys of one table.
pub(super) struct Section<'a> {
    layers: &'a Layers,
    name: String,
}

impl<'a> Section<'a> {
    pub(super) fn new(layers: &'a Layers, name: String) -> Self {
        Self { layers, name }
    }

    /// A text that `parse` takes; `accepted` says which ones it does.
    pub(super) fn parsed<T>(
        &self,
        key: &str,
        accepted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, SettingsError> {
        self.text(key).and_then(parse).ok_or_else(|| self.refuse(key, accepted))
    }

    /// The same, where an empty text means none.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        accepted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, SettingsError> {
        match self.text(key) {
            Some("") => Ok(None),
            _ => self.parsed(key, accepted, parse).map(Some),
        }
    }

    /// A name or other word, or none.
    pub(super) fn word(&self, key: &str) -> Result<Option<String>, SettingsError> {
        self.optional(key, WORD, word)
    }

    /// A secret, or none.
    pub(super) fn secret(&self, key: &str) -> Result<Option<Secret>, SettingsError> {
        Ok(self.word(key)?.map(Secret::new))
    }

    /// A whole number within a range.
    pub(super) fn whole(&self, key: &str, range: RangeInclusive<u32>) -> Result<u32, SettingsError> {
        let number = match self.value(key) {
            Some(ValueKind::I64(number)) => u32::try_from(*number).ok(),
            Some(ValueKind::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            let accepted = format!("whole numbers from {} to {}", range.start(), range.end());
            self.refuse(key, &accepted)
        })
    }

    /// A number within a range, whole or not.
    pub(super) fn ratio(&self, key: &str, range: RangeInclusive<f64>) -> Result<f64, SettingsError> {
        let number = match self.value(key) {
            Some(ValueKind::Float(number)) => Some(*number),
            Some(ValueKind::I64(number)) => i32::try_from(*number).ok().map(f64::from),
            Some(ValueKind::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            let accepted = format!("numbers from {} to {}", range.start(), range.end());
            self.refuse(key, &accepted)
        })
    }

    /// A duration, written as whole seconds within a range.
    pub(super) fn seconds(&self, key: &str, range: RangeInclusive<u32>) -> Result<Duration, SettingsError> {
        self.whole(key, range).map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// `true` or `false`.
    pub(super) fn switch(&self, key: &str) -> Result<bool, SettingsError> {
        match self.value(key) {
            Some(ValueKind::Boolean(on)) => Ok(*on),
            _ => self.parsed(key, "true, false", |text| text.to_ascii_lowercase().parse().ok()),
        }
    }

    /// A list whose every item `parse` takes: an array, or one text with commas.
    pub(super) fn list<T>(
        &self,
        key: &str,
        accepted: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, SettingsError> {
        self.items(key)
            .and_then(|items| items.into_iter().map(parse).collect())
            .ok_or_else(|| self.refuse(key, accepted))
    }

    /// The error for the value that a key of this section has.
    pub(super) fn refuse(&self, key: &str, accepted: &str) -> SettingsError {
        self.layers.refuse(&self.path(key), accepted)
    }

    /// Whether any layer says something about the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    fn items(&self, key: &str) -> Option<Vec<&str>> {
        match self.value(key)? {
            ValueKind::String(text) => Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()),
            ValueKind::Array(values) => values
                .iter()
                .map(|value| match &value.kind {
                    ValueKind::String(item) => Some(item.trim()),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            ValueKind::String(text) => Some(text.trim()),
            _ => None,
        }
    }

    fn value(&self, key: &str) -> Option<&ValueKind> {
        self.layers.value(&self.path(key))
    }

    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }
}
