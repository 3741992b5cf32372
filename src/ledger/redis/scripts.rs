//! The scripts that run in Redis. Those that share a text begin with it.

use std::sync::LazyLock;

use redis::Script;

macro_rules! script {
    ($($file:literal),+) => {
        LazyLock::new(|| Script::new(concat!($(include_str!($file)),+)))
    };
}

pub(super) static APPLY: LazyLock<Script> = script!("whole.lua", "slots.lua", "apply.lua");
pub(super) static LOOK: LazyLock<Script> = script!("whole.lua", "look.lua");
pub(super) static OCCUPIED: LazyLock<Script> = script!("whole.lua", "occupied.lua");
pub(super) static STAGE: LazyLock<Script> = script!("slots.lua", "stage.lua");
pub(super) static SWITCH: LazyLock<Script> = script!("whole.lua", "switch.lua");
