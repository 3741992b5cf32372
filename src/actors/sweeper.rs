//! Which replica looks at the provider for all of them: locks in the database, each with one process at a time.
//!
//! The supervisor asks here before it sweeps by itself. What a sweep is, and when one is due, is not decided here.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::store::{Store, StoreError};

/// Who sweeps has the lock so long without renewing it.
const LOCK: Duration = Duration::from_secs(15);
/// The lock of the replica that sweeps on the interval.
const SWEEPER: &str = "sweeper";
/// The lock of a sweep that is under way, for whatever reason, and how long it is kept without being renewed.
const RUN: (&str, Duration) = (UNDER_WAY, Duration::from_secs(10));
/// The name of that lock: while anybody has it, one of several replicas sweeps.
pub const UNDER_WAY: &str = "sweep";
/// Between two looks whether another replica's sweep is done.
const RUN_LOOK: Duration = Duration::from_millis(250);

/// Who sweeps on the interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sweeper {
    /// There is one replica.
    Alone,
    /// This one, among several.
    Here,
    /// The one of that name.
    Other(String),
    /// The database has not said, or this replica does not stand.
    Unknown,
}

impl Sweeper {
    /// Whether that is this replica.
    pub fn is_here(&self) -> bool {
        matches!(self, Self::Alone | Self::Here)
    }
}

/// Why a replica looks at the provider between the intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The pool is full, and a call was refused.
    Demand,
    /// Only the provider can tell what became of some calls.
    Doubt,
}

impl Occasion {
    fn lock(self) -> &'static str {
        match self {
            Self::Demand => "look-on-demand",
            Self::Doubt => "look-at-doubts",
        }
    }
}

/// This process among those that may sweep.
#[derive(Debug)]
pub(super) struct Candidate {
    store: Store,
    node: &'static str,
    /// No other process has it, whatever its node is called.
    holder: String,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    /// Locks that are held here, as far as anybody knows: also those whose answer was lost.
    perhaps_held: BTreeSet<&'static str>,
    /// Others are to have the time until it stands again.
    sits_out: bool,
    /// It is going away, and takes no lock any more.
    retired: bool,
}

impl Candidate {
    /// The process `id` on `node`.
    pub(super) fn new(store: Store, node: &'static str, id: uuid::Uuid) -> Self {
        Self { store, node, holder: format!("{node}/{id}"), standing: Mutex::default() }
    }

    /// Takes the lock of the sweeper where nobody has it, or renews it.
    pub(super) async fn stand(&self) -> Sweeper {
        let mut standing = self.standing.lock().await;
        if std::mem::take(&mut standing.sits_out) {
            return Sweeper::Unknown;
        }
        match self.hold(&mut standing, SWEEPER, LOCK).await {
            Ok(Some(holder)) if holder == self.holder => Sweeper::Here,
            Ok(Some(holder)) => Sweeper::Other(node_of(&holder).to_owned()),
            Ok(None) | Err(_) => Sweeper::Unknown,
        }
    }

    /// Whether this replica is the one that looks, for as long as the lock is kept.
    pub(super) async fn looks(&self, occasion: Occasion, for_: Duration) -> bool {
        let mut standing = self.standing.lock().await;
        self.hold(&mut standing, occasion.lock(), for_).await.is_ok_and(|holder| holder.as_ref() == Some(&self.holder))
    }

    /// Does the work of a sweep while no other replica sweeps: waits until that is so, and keeps it so meanwhile.
    ///
    /// A database that does not answer keeps nobody waiting: without it no sweep goes far, and two at once do no harm.
    pub(super) async fn while_nobody_sweeps<T>(&self, work: impl Future<Output = T>) -> T {
        let (lock, kept_for) = RUN;
        while self.store.hold_lock(lock, &self.holder, kept_for).await.is_ok_and(|held| !held.mine) {
            tokio::time::sleep(RUN_LOOK).await;
        }
        let renew = async {
            loop {
                tokio::time::sleep(kept_for / 3).await;
                let _ = self.store.hold_lock(lock, &self.holder, kept_for).await;
            }
        };
        let done = tokio::select! {
            done = work => done,
            () = renew => unreachable!("it is renewed until the work is done"),
        };
        // It runs out by itself.
        let _ = self.store.release_lock(lock, &self.holder).await;
        done
    }

    /// Leaves everything to others, until it stands again.
    pub(super) async fn step_down(&self) {
        let mut standing = self.standing.lock().await;
        self.release(&mut standing).await;
    }

    /// Leaves everything to others, and does not stand the next time.
    pub(super) async fn sit_out(&self) {
        let mut standing = self.standing.lock().await;
        standing.sits_out = true;
        self.release(&mut standing).await;
    }

    /// Leaves everything to others for good.
    pub(super) async fn retire(&self) {
        let mut standing = self.standing.lock().await;
        standing.retired = true;
        self.release(&mut standing).await;
    }

    /// Who has the lock now; none where this process does not ask any more.
    async fn hold(
        &self,
        standing: &mut Standing,
        lock: &'static str,
        for_: Duration,
    ) -> Result<Option<String>, StoreError> {
        if standing.retired {
            return Ok(None);
        }
        standing.perhaps_held.insert(lock);
        let held = self.store.hold_lock(lock, &self.holder, for_).await?;
        if !held.mine {
            standing.perhaps_held.remove(lock);
        }
        Ok(Some(held.holder))
    }

    async fn release(&self, standing: &mut Standing) {
        for lock in std::mem::take(&mut standing.perhaps_held) {
            if let Err(error) = self.store.release_lock(lock, &self.holder).await {
                tracing::warn!(lock, node = self.node, %error, "a lock is not given up; it runs out by itself");
                standing.perhaps_held.insert(lock);
            }
        }
    }
}

/// The part of a holder's name that people know.
fn node_of(holder: &str) -> &str {
    holder.rsplit_once('/').map_or(holder, |(node, _)| node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources;

    async fn database() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("gate.db").display());
        let store = Store::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        (folder, store)
    }

    fn candidate(store: &Store, node: &'static str) -> Candidate {
        Candidate::new(store.clone(), node, sources::new_uuid())
    }

    #[actix::test]
    async fn of_two_processes_that_share_the_name_of_their_node_one_sweeps() {
        let (_folder, store) = database().await;
        let (first, second) = (candidate(&store, "gate"), candidate(&store, "gate"));
        assert_eq!(first.stand().await, Sweeper::Here);
        assert_eq!(second.stand().await, Sweeper::Other("gate".to_owned()));
        assert_eq!(first.stand().await, Sweeper::Here, "it renews");
    }

    #[actix::test]
    async fn who_steps_down_leaves_every_lock_at_once_and_may_stand_again() {
        let (_folder, store) = database().await;
        let (first, second) = (candidate(&store, "a"), candidate(&store, "b"));
        assert_eq!(first.stand().await, Sweeper::Here);
        assert!(first.looks(Occasion::Doubt, LOCK).await);
        assert!(!second.looks(Occasion::Doubt, LOCK).await);
        first.step_down().await;
        assert_eq!(second.stand().await, Sweeper::Here);
        assert!(second.looks(Occasion::Doubt, LOCK).await);
        assert_eq!(first.stand().await, Sweeper::Other("b".to_owned()));
        first.step_down().await;
        assert_eq!(second.stand().await, Sweeper::Here, "nobody gives up what another holds");
    }

    #[actix::test]
    async fn who_sits_out_does_not_stand_the_next_time() {
        let (_folder, store) = database().await;
        let only = candidate(&store, "a");
        only.sit_out().await;
        assert_eq!(only.stand().await, Sweeper::Unknown);
        assert_eq!(only.stand().await, Sweeper::Here);
    }

    #[actix::test]
    async fn i3_sweeps_of_two_processes_come_one_after_the_other() {
        let (_folder, store) = database().await;
        let (first, second) = (candidate(&store, "a"), candidate(&store, "b"));
        let (begin, begun) = tokio::sync::oneshot::channel();
        let (finish, finished) = tokio::sync::oneshot::channel::<()>();
        let course = std::cell::RefCell::new(Vec::new());
        let one = first.while_nobody_sweeps(async {
            course.borrow_mut().push("the first begins");
            begin.send(()).unwrap();
            finished.await.unwrap();
            course.borrow_mut().push("the first is done");
        });
        let other = async {
            begun.await.unwrap();
            let waits = second.while_nobody_sweeps(async { course.borrow_mut().push("the second") });
            let lets_go = async {
                assert!(!store.hold_lock(RUN.0, "somebody", RUN.1).await.unwrap().mine, "it is taken");
                finish.send(()).unwrap();
            };
            tokio::join!(waits, lets_go);
        };
        tokio::join!(one, other);
        assert_eq!(*course.borrow(), ["the first begins", "the first is done", "the second"]);
    }

    #[actix::test]
    async fn who_retires_never_sweeps_again() {
        let (_folder, store) = database().await;
        let (first, second) = (candidate(&store, "a"), candidate(&store, "b"));
        assert_eq!(first.stand().await, Sweeper::Here);
        first.retire().await;
        assert_eq!(first.stand().await, Sweeper::Unknown);
        assert!(!first.looks(Occasion::Demand, LOCK).await);
        assert_eq!(second.stand().await, Sweeper::Here);
    }
}
