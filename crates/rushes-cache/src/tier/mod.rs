//! The tiers a value can be found in.

pub(crate) mod memory;
