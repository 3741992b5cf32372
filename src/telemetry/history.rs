//! How full the pool was, in the past hour: samples in a ring, kept in memory by each process.
//!
//! When a sample is taken is somebody else's matter, and so is what it shows.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

/// The pool at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: DateTime<Utc>,
    /// Its cap.
    pub cap: u32,
    /// Slots held; none while that is not known.
    pub held: Option<u32>,
    /// Calls that were live without a slot; none while that is not known.
    pub overflow: Option<u32>,
    /// Calls that this process had refused until then.
    pub rejected: u64,
}

/// The latest samples, oldest first.
#[derive(Clone, Debug)]
pub struct History {
    samples: VecDeque<Sample>,
    most: usize,
}

impl History {
    /// An empty history that keeps `most` samples.
    pub fn keeping(most: usize) -> Self {
        Self { samples: VecDeque::with_capacity(most), most }
    }

    /// Adds a sample; the oldest makes room for it.
    pub fn add(&mut self, sample: Sample) {
        while self.samples.len() >= self.most.max(1) {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// All samples, oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = &Sample> {
        self.samples.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(rejected: u64) -> Sample {
        Sample { at: DateTime::UNIX_EPOCH, cap: 5, held: Some(1), overflow: None, rejected }
    }

    fn told(history: &History) -> Vec<u64> {
        history.samples().map(|sample| sample.rejected).collect()
    }

    #[test]
    fn given_a_full_history_when_a_sample_is_added_then_the_oldest_goes() {
        let mut history = History::keeping(3);
        assert_eq!(history.samples().len(), 0);
        (1..=3).for_each(|number| history.add(sample(number)));
        assert_eq!(told(&history), [1, 2, 3]);
        history.add(sample(4));
        assert_eq!(told(&history), [2, 3, 4]);
    }

    proptest! {
        #[test]
        fn the_latest_samples_are_kept_in_the_order_in_which_they_came(most in 1_usize..50, samples in 0_u64..200) {
            let mut history = History::keeping(most);
            (0..samples).for_each(|number| history.add(sample(number)));
            let kept = samples.min(most as u64);
            prop_assert_eq!(told(&history), (samples - kept..samples).collect::<Vec<_>>());
        }
    }
}
