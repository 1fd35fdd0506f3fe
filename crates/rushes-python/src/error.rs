//! One exception for each kind of failure, all of them `rushes.RushesError`.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use rushes::{Error, ErrorKind};

create_exception!(rushes, RushesError, PyException, "What the library could not do.");
create_exception!(rushes, InvalidError, RushesError, "An argument is wrong.");
create_exception!(rushes, NotFoundError, RushesError, "Nothing has that name.");
create_exception!(rushes, GoneError, RushesError, "It was there once.");
create_exception!(rushes, UnsupportedError, RushesError, "The media or format cannot be read.");
create_exception!(rushes, TooLargeError, RushesError, "The answer would be larger than allowed.");
create_exception!(rushes, BusyError, RushesError, "Somebody else is at it; try later.");
create_exception!(rushes, UnavailableError, RushesError, "A needed program is missing or failed.");
create_exception!(rushes, CorruptError, RushesError, "Stored data is damaged.");

/// Adds the exceptions to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("RushesError", py.get_type::<RushesError>())?;
    module.add("InvalidError", py.get_type::<InvalidError>())?;
    module.add("NotFoundError", py.get_type::<NotFoundError>())?;
    module.add("GoneError", py.get_type::<GoneError>())?;
    module.add("UnsupportedError", py.get_type::<UnsupportedError>())?;
    module.add("TooLargeError", py.get_type::<TooLargeError>())?;
    module.add("BusyError", py.get_type::<BusyError>())?;
    module.add("UnavailableError", py.get_type::<UnavailableError>())?;
    module.add("CorruptError", py.get_type::<CorruptError>())
}

/// The exception of a failure.
pub(crate) fn raised(error: &Error) -> PyErr {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Invalid => InvalidError::new_err(message),
        ErrorKind::NotFound => NotFoundError::new_err(message),
        ErrorKind::Gone => GoneError::new_err(message),
        ErrorKind::Unsupported => UnsupportedError::new_err(message),
        ErrorKind::TooLarge => TooLargeError::new_err(message),
        ErrorKind::Busy => BusyError::new_err(message),
        ErrorKind::Unavailable => UnavailableError::new_err(message),
        ErrorKind::Corrupt => CorruptError::new_err(message),
        _ => RushesError::new_err(message),
    }
}

/// What the caller gave cannot be meant.
pub(crate) fn invalid(error: impl std::fmt::Display) -> PyErr {
    InvalidError::new_err(error.to_string())
}

/// A failure of this shell itself.
pub(crate) fn internal(error: impl std::fmt::Display) -> PyErr {
    RushesError::new_err(error.to_string())
}
