//! Opaque cursors: where the next page begins, bound to the question they belong to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rushes_store::Cursor;

use crate::error::{Error, Result};

const MARK: usize = 6;

/// A place of any shape as text that only the same question accepts.
pub(crate) fn sealed(place: &[u8], question: &str) -> String {
    URL_SAFE_NO_PAD.encode([place, &mark(place, question)].concat())
}

/// The place that [`sealed`] wrote; refuses one that was altered or belongs to another question.
pub(crate) fn opened(text: &str, question: &str) -> Result<Vec<u8>> {
    let wrong = || Error::invalid("the cursor is not one that this question returned");
    let mut bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let length = bytes.len().checked_sub(MARK).ok_or_else(wrong)?;
    let found = bytes.split_off(length);
    if found != mark(&bytes, question) {
        return Err(wrong());
    }
    Ok(bytes)
}

/// Writes a cursor that only the same question accepts.
pub(crate) fn write(cursor: Cursor, question: &str) -> String {
    let mut bytes = Vec::with_capacity(16 + MARK);
    bytes.extend(cursor.start.to_be_bytes());
    bytes.extend(cursor.id.to_be_bytes());
    bytes.extend(mark(&bytes, question));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor; refuses one that was altered or belongs to another question.
pub(crate) fn read(text: &str, question: &str) -> Result<Cursor> {
    let wrong = || Error::invalid("the cursor is not one that this question returned");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let (place, found) = bytes.split_at_checked(16).ok_or_else(wrong)?;
    if found != mark(place, question) {
        return Err(wrong());
    }
    let (start, id) = place.split_at(8);
    let number = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).map_err(|_| wrong());
    let start = f64::from_be_bytes(number(start)?);
    if !start.is_finite() {
        return Err(wrong());
    }
    Ok(Cursor { start, id: i64::from_be_bytes(number(id)?) })
}

fn mark(place: &[u8], question: &str) -> [u8; MARK] {
    let mut hasher = blake3::Hasher::new_derive_key("rushes page cursor, version 1");
    hasher.update(place).update(question.as_bytes());
    let mut mark = [0; MARK];
    hasher.finalize_xof().fill(&mut mark);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_for_its_question_only(start in -1e9..1e9, id: i64) {
            let cursor = Cursor { start, id };
            let text = write(cursor, "captions");
            prop_assert_eq!(read(&text, "captions").unwrap(), cursor);
            prop_assert!(read(&text, "objects").is_err());
        }

        #[test]
        fn garbage_is_refused(text in ".{0,64}") {
            prop_assert!(read(&text, "captions").is_err());
        }
    }
}
