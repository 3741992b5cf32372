//! `[plans.NAME]`: what each plan allows, and what it keeps for itself.

use std::collections::BTreeMap;

use super::{SettingsError, source::Layers};

/// `[plans]`.
#[derive(Clone, Debug)]
pub struct PlansSettings {
    /// The plans by their names in upper case.
    pub by_name: BTreeMap<String, PlanSettings>,
}

/// `[plans.NAME]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanSettings {
    /// Calls live at once of each business on the plan; none: the pool's cap, whatever it is at the time.
    pub limit: Option<u32>,
    /// Slots that only businesses on the plan may take.
    pub reserved: u32,
    /// Seconds that a call may last; none: as long as it does.
    pub max_duration_seconds: Option<u32>,
}

impl PlansSettings {
    pub(super) fn read(layers: &Layers, global_cap: u32) -> Result<Self, SettingsError> {
        let mut by_name = BTreeMap::new();
        let mut reserved_by_all: u32 = 0;
        for key in layers.under("plans") {
            let Some((name, last)) = key.split_once('.') else {
                continue;
            };
            if by_name.contains_key(name) {
                continue;
            }
            let section = layers.section(format!("plans.{name}"));
            if !is_plan_name(name) {
                return Err(section.refuse(last, "plan names of 1 to 32 of A-Z, 0-9 and _"));
            }
            let limit = section.whole("limit", 0..=100_000)?;
            let reserved = if section.has("reserved") { section.whole("reserved", 0..=100_000)? } else { 0 };
            let longest = if section.has("max_duration_seconds") {
                section.whole("max_duration_seconds", 0..=86_400)?
            } else {
                0
            };
            reserved_by_all = reserved_by_all.saturating_add(reserved);
            if reserved_by_all > global_cap {
                let accepted = format!("reserves that together are at most capacity.global_cap = {global_cap}");
                return Err(section.refuse("reserved", &accepted));
            }
            let plan = PlanSettings {
                limit: (limit > 0).then_some(limit),
                reserved,
                max_duration_seconds: (longest > 0).then_some(longest),
            };
            by_name.insert(name.to_owned(), plan);
        }
        Ok(Self { by_name })
    }
}

fn is_plan_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
