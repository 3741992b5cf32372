//! How far the sweep is, on stderr.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Between two looks at how far it is.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// Draws the step that a sweep is at; nothing where stderr is no terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(LOOK);
        Self(bar)
    }

    /// `name` is empty where the sweep is at nothing. A `total` of 0 is not known.
    pub(super) fn show(&self, name: &str, done: u64, total: u64) {
        let template = if total > 0 { "{spinner} {msg} {wide_bar} {pos}/{len}" } else { "{spinner} {msg}" };
        self.0.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
        self.0.set_length(total);
        self.0.set_position(done.min(total));
        self.0.set_message(if name.is_empty() { "waiting".to_owned() } else { name.to_owned() });
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
