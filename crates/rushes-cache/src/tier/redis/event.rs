//! What stands in the log: who invalidated what.
//!
//! ```text
//! version  1 byte   1
//! origin   8 bytes  the process that did it; it has no need to hear of it
//! then, as often as needed:
//! what     1 byte   b's': a scope; b'k': a key
//! length   4 bytes
//! name     the scope's name, or the key
//! ```
//! Numbers are little-endian.

use crate::key::{Key, Scope};

const VERSION: u8 = 1;
const SCOPE: u8 = b's';
const KEY: u8 = b'k';

/// One thing that was invalidated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    Scope(Scope),
    Key(Key),
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) origin: u64,
    pub(super) gone: Vec<Gone>,
}

impl Event {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.origin.to_le_bytes());
        for gone in &self.gone {
            let (what, name) = match gone {
                Gone::Scope(scope) => (SCOPE, scope.name().as_bytes()),
                Gone::Key(key) => (KEY, key.as_bytes()),
            };
            let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
            bytes.push(what);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(name);
        }
        bytes
    }

    /// Reads a line; `None` when it is damaged or of another release: whoever meets such a line
    /// cannot know what is gone.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[VERSION])?;
        let (origin, mut rest) = rest.split_first_chunk::<8>()?;
        let mut gone = Vec::new();
        while let Some((what, tail)) = rest.split_first() {
            let (length, tail) = tail.split_first_chunk::<4>()?;
            let (name, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            gone.push(match *what {
                SCOPE => Gone::Scope(Scope::new(std::str::from_utf8(name).ok()?)),
                KEY => Gone::Key(Key::from_bytes(name)),
                _ => return None,
            });
            rest = tail;
        }
        Some(Self { origin: u64::from_le_bytes(*origin), gone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gone() -> impl Strategy<Value = Gone> {
        prop_oneof![
            ".{0,30}".prop_map(|name| Gone::Scope(Scope::new(name))),
            (".{0,9}", prop::collection::vec(any::<u8>(), 0..50))
                .prop_map(|(namespace, id)| Gone::Key(Key::new(&namespace, id))),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(origin: u64, gone in prop::collection::vec(gone(), 0..20)) {
            let event = Event { origin, gone };
            let bytes = event.encode();
            prop_assert_eq!(Event::decode(&bytes), Some(event));
            if bytes.len() > 10 {
                prop_assert_ne!(Event::decode(&bytes[..bytes.len() - 1]), Event::decode(&bytes));
            }
        }

        #[test]
        fn garbage_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(Event::decode(&bytes));
            drop(Event::decode(&[vec![VERSION], bytes].concat()));
        }
    }
}
