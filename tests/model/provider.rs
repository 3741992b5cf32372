//! The provider: the judge of I1.

/// What the provider knows of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    /// Nothing: it was never asked to dial.
    #[default]
    Quiet,
    /// It rings or talks.
    Live,
    /// It came alive after the gate had given it up: overflow, which I1 does not count.
    LiveAfterAll,
    /// It is over.
    Ended,
}

impl Line {
    /// It is going on, for whatever reason.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::LiveAfterAll)
    }
}
