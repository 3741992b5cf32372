//! The names of the ledger's keys. All share one hash tag, so that one script may touch them together.

use uuid::Uuid;

use crate::domain::ids::PoolId;
use crate::store::Epoch;

/// Where the ledger of one pool is.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    tag: String,
    /// Call -> packed holder.
    pub(super) slots: String,
    /// What is counted -> how many.
    pub(super) counts: String,
    /// Epoch, server identity and terms.
    pub(super) meta: String,
    /// Sender -> the number of its last batch.
    pub(super) seen: String,
    /// What a look writes.
    pub(super) look: String,
}

impl Keys {
    pub(super) fn new(prefix: &str, pool: &PoolId) -> Self {
        let tag = format!("{{{prefix}:{pool}}}");
        let key = |name: &str| format!("{tag}:{name}");
        Self {
            slots: key("slots"),
            counts: key("counts"),
            meta: key("meta"),
            seen: key("seen"),
            look: key("look"),
            tag,
        }
    }

    /// The keys of every script, in the order in which it knows them.
    pub(super) fn ledger(&self) -> [&str; 4] {
        [&self.slots, &self.counts, &self.meta, &self.seen]
    }

    /// Where one attempt to load `epoch` stages slots and counts. What comes late of another attempt lands elsewhere.
    pub(super) fn staged(&self, epoch: Epoch, sender: Uuid, attempt: u64) -> [String; 2] {
        ["slots", "counts"].map(|name| format!("{}:next:{}:{sender}.{attempt}:{name}", self.tag, epoch.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_the_hash_tag_whatever_the_pool_is_called() {
        for pool in ["default", "a}b", "{", "ü:"] {
            let keys = Keys::new("callgate", &pool.parse().unwrap());
            let staged = keys.staged(Epoch(7), Uuid::nil(), 1);
            let tag = |key: &str| key.split_once('{').unwrap().1.split_once('}').unwrap().0.to_owned();
            let all = keys.ledger().into_iter().chain([keys.look.as_str()]).chain(staged.iter().map(String::as_str));
            assert!(all.into_iter().all(|key| tag(key) == tag(&keys.meta)), "{keys:?}");
        }
    }
}
