//! How statements of SQL are run.

use std::time::Duration;

/// How statements are run.
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// Connections for reading.
    pub connections: usize,
    /// How long a statement waits for one of them.
    pub wait: Duration,
    /// Prepared statements that each keeps.
    pub statements: usize,
    /// How long another process's write may stay unseen by [`crate::Freshness::Near`].
    pub near: Duration,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            connections: 5,
            wait: Duration::from_secs(5),
            statements: 50,
            near: Duration::from_millis(2),
        }
    }
}
