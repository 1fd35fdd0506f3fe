//! What becomes of a failure: its name, its HTTP status and its exit code, in one table.

use rushes::ErrorKind;

/// What a kind of failure is called and turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// The name that JSON, problems and tool errors carry.
    pub(crate) name: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The exit code of the command.
    pub(crate) exit: u8,
}

/// The fate of a kind.
pub(crate) fn of(kind: ErrorKind) -> Fate {
    let (name, status, exit) = match kind {
        ErrorKind::Invalid => ("invalid", 400, 2),
        ErrorKind::NotFound => ("not_found", 404, 3),
        ErrorKind::Gone => ("gone", 410, 3),
        ErrorKind::Unsupported => ("unsupported", 422, 4),
        ErrorKind::TooLarge => ("too_large", 413, 2),
        ErrorKind::Busy => ("busy", 409, 5),
        ErrorKind::Unavailable => ("unavailable", 503, 6),
        ErrorKind::Corrupt => ("corrupt", 500, 7),
        // Nobody reads this status: the one who would has gone.
        ErrorKind::Cancelled => ("cancelled", 503, 130),
        _ => ("internal", 500, 1),
    };
    Fate { name, status, exit }
}
