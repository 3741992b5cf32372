//! Looks around for everybody: once a second while somebody reads the stream, and for the history all the time.
//! However many read, the rooms and the database are asked once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::future::join;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::figures::Figures;
use super::lookout::Lookout;
use super::view::{HistoryView, Overview, SampleView};
use crate::domain::oversubscription::{Alarm, Crossing};
use crate::sources;
use crate::telemetry::{History, Sample};

/// Between two looks while somebody reads.
const SECOND: Duration = Duration::from_secs(1);
/// What does not change is told again after this. A reader that hears nothing for 15 seconds may believe nothing.
const REPEAT: Duration = Duration::from_secs(10);
/// Between two samples of the history.
const INTERVAL: Duration = Duration::from_secs(5);
/// An hour of them.
const SAMPLES: usize = 720;

/// What readers of the stream are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum Publication {
    /// Nothing that is fresh: nobody was reading.
    Nothing,
    /// The overview, as an event of the stream.
    Latest(Bytes),
    /// The node goes away.
    Over,
}

/// The one who looks, for all who want to know.
pub(in crate::http) struct Watchtower {
    lookout: Lookout,
    history: Mutex<History>,
    published: watch::Sender<Publication>,
    /// Somebody new reads.
    wanted: Notify,
}

impl Watchtower {
    /// Nobody looks yet; [`Watchtower::watch`] does.
    pub(in crate::http) fn new(lookout: Lookout) -> Self {
        Self {
            lookout,
            history: Mutex::new(History::keeping(SAMPLES)),
            published: watch::Sender::new(Publication::Nothing),
            wanted: Notify::new(),
        }
    }

    pub(in crate::http) fn lookout(&self) -> &Lookout {
        &self.lookout
    }

    /// A reader, who is given the overview at once, and again whenever it changes.
    pub(in crate::http) fn subscribe(&self) -> watch::Receiver<Publication> {
        let mut reader = self.published.subscribe();
        reader.mark_changed();
        self.wanted.notify_one();
        reader
    }

    /// The samples so far.
    pub(super) fn history(&self) -> HistoryView {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let view = |sample: &Sample| SampleView {
            at: sample.at,
            cap: sample.cap,
            held: sample.held,
            overflow: sample.overflow,
            rejected: sample.rejected,
        };
        HistoryView { interval_seconds: INTERVAL.as_secs(), samples: history.samples().map(view).collect() }
    }

    /// Looks until the node goes away.
    pub(in crate::http) async fn watch(&self) {
        join(Box::pin(self.publish()), Box::pin(self.sample())).await;
    }

    async fn publish(&self) {
        let mut second = tokio::time::interval(SECOND);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut looked, mut told): (Option<Instant>, Option<Told>) = (None, None);
        while !self.lookout.gate().is_draining() {
            tokio::select! {
                _ = second.tick() => {}
                () = self.wanted.notified() => {}
            }
            if self.published.receiver_count() == 0 {
                self.published.send_replace(Publication::Nothing);
                (looked, told) = (None, None);
                continue;
            }
            // Whoever is new is given what there is.
            if looked.is_some_and(|at| at.elapsed() < SECOND * 9 / 10) {
                continue;
            }
            looked = Some(Instant::now());
            let overview = self.lookout.look().await;
            if told.as_ref().is_none_or(|told| told.is_outdated_by(&overview)) {
                self.published.send_replace(Publication::Latest(event(&overview)));
                told = Some(Told { figures: overview.without_clocks(), at: Instant::now() });
            }
        }
        self.published.send_replace(Publication::Over);
    }

    async fn sample(&self) {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut alarm = Alarm::default();
        while !self.lookout.gate().is_draining() {
            interval.tick().await;
            let deadline = Instant::now() + INTERVAL / 2;
            let seen = self.lookout.ledger(deadline).await;
            let total = seen.occupied().map(|occupied| occupied.total);
            let sample = Sample {
                at: sources::now(),
                cap: seen.pool.cap,
                held: total.map(|total| total.held),
                overflow: total.map(|total| total.overflow),
                rejected: self.lookout.gate().metrics().rejections().total,
            };
            self.history.lock().unwrap_or_else(PoisonError::into_inner).add(sample);
            let sales = self.lookout.sales(deadline).await;
            let plans = self.lookout.gate().plans();
            let sales = sales.as_deref();
            self.warn(&mut alarm, &Figures { occupied: None, pool: &seen.pool, plans, sales, callers: None });
        }
    }

    /// Says once that more was sold than the threshold allows, and once that this is over.
    fn warn(&self, alarm: &mut Alarm, figures: &Figures<'_>) {
        let Some(oversubscription) = figures.sold() else { return };
        let threshold = self.lookout.threshold();
        let (sold, cap) = (oversubscription.sold(), oversubscription.cap());
        let (ratio, threshold_ratio) = (oversubscription.ratio(), threshold.ratio());
        match alarm.heed(threshold, &oversubscription) {
            Some(Crossing::Upwards) => {
                tracing::warn!(sold, cap, ratio, threshold_ratio, "more slots are sold than the threshold allows");
            }
            Some(Crossing::Downwards) => {
                tracing::info!(sold, cap, ratio, threshold_ratio, "no more slots are sold than the threshold allows");
            }
            None => {}
        }
    }
}

/// What readers know.
struct Told {
    figures: Overview,
    at: Instant,
}

impl Told {
    fn is_outdated_by(&self, overview: &Overview) -> bool {
        self.at.elapsed() >= REPEAT || self.figures != overview.without_clocks()
    }
}

/// As an event of the stream (WHATWG HTML, 9.2). Without an id: the position of a reader is that of the last lifecycle event.
fn event(overview: &Overview) -> Bytes {
    let data = serde_json::to_string(overview).expect("an overview is plain data with text keys");
    Bytes::from(format!("event: overview\ndata: {data}\n\n"))
}
