//! Flags that several commands share: which video, kinds and window.

use clap::Args;

use crate::words::{self, Seconds};

/// A window of time.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct WindowArgs {
    /// From this time, included
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    from: Option<Seconds>,
    /// To this time, excluded
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    to: Option<Seconds>,
}

impl WindowArgs {
    /// From this second, if given.
    pub(crate) fn from(&self) -> Option<f64> {
        words::seconds(self.from)
    }

    /// To this second, if given.
    pub(crate) fn to(&self) -> Option<f64> {
        words::seconds(self.to)
    }

    /// Whether any end was given.
    pub(crate) fn is_given(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }
}

/// Kinds of entries.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KindArgs {
    /// Only these kinds (caption, transcript, object, frame or any other), with commas or repeated
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',')]
    pub(crate) kinds: Vec<String>,
}
