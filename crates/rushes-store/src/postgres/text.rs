//! Text that PostgreSQL cannot hold: it knows no NUL. So U+0000 is stored as U+001A `0`, and U+001A,
//! which nobody writes either, as U+001A `1`. All else is stored as it is.

use std::borrow::Cow;

const ESCAPE: char = '\u{1a}';

/// As it is stored.
pub(super) fn pack(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(ESCAPE, "\u{1a}1").replace('\0', "\u{1a}0"))
}

/// As it was.
pub(super) fn unpack(stored: String) -> String {
    if !stored.contains(ESCAPE) {
        return stored;
    }
    stored.replace("\u{1a}0", "\0").replace("\u{1a}1", "\u{1a}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_comes_back(text in "[\0\u{1a}01é]{0,12}") {
            let stored = pack(&text).into_owned();
            prop_assert!(!stored.contains('\0'));
            prop_assert_eq!(unpack(stored), text);
        }
    }
}
