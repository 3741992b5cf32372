//! Terms and counts as the script tells them.

use std::collections::HashMap;

use super::super::port::{Counts, Occupied};

/// `cap`, `paused`, reserves as JSON, count fields and their values.
pub(super) type Told = (u32, u8, String, HashMap<String, u64>);

/// Everything counted; none where it cannot be read, or where the parts are not the sum.
pub(super) fn read((cap, paused, reserves, fields): Told) -> Option<Occupied> {
    let reserves = serde_json::from_str(&reserves).ok()?;
    let mut occupied = Occupied { cap, paused: paused == 1, reserves, ..Occupied::default() };
    for (field, n) in fields.iter().filter(|(field, _)| *field != "epoch") {
        let n = u32::try_from(*n).ok()?;
        let (slot, group) = field.split_at_checked(1)?;
        let (kind, name) = group.split_at_checked(1)?;
        let counts = match kind {
            "T" => &mut occupied.total,
            "P" => occupied.plans.entry(name.parse().ok()?).or_default(),
            "B" => occupied.businesses.entry(name.parse().ok()?).or_default(),
            _ => return None,
        };
        match slot {
            "H" => counts.held = n,
            "O" => counts.overflow = n,
            _ => return None,
        }
    }
    let total = Some(occupied.total);
    (sum(occupied.plans.values()) == total && sum(occupied.businesses.values()) == total).then_some(occupied)
}

fn sum<'a>(mut parts: impl Iterator<Item = &'a Counts>) -> Option<Counts> {
    parts.try_fold(Counts::default(), |sum, part| {
        Some(Counts { held: sum.held.checked_add(part.held)?, overflow: sum.overflow.checked_add(part.overflow)? })
    })
}
