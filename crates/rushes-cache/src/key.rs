//! What a value is found by, and what it can be invalidated by.

use std::fmt;
use std::iter;
use std::sync::Arc;

/// Bytes in front of a key that tell how long its namespace is.
const PREFIX: usize = size_of::<u32>();

/// A key: a namespace and an id of any bytes within it. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The namespace's length, the namespace, the id: one run of bytes, so that a look-up hashes
    /// and compares once, and no choice of names makes two keys alike.
    bytes: Arc<[u8]>,
}

impl Key {
    /// A key within a namespace. The namespace decides over settings and statistics; use few.
    pub fn new(namespace: &str, id: impl AsRef<[u8]>) -> Self {
        let length = u32::try_from(namespace.len()).unwrap_or(u32::MAX).to_be_bytes();
        let parts = length.iter().chain(namespace.as_bytes()).chain(id.as_ref());
        Self { bytes: parts.copied().collect() }
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        parts(&self.bytes).0
    }

    /// The id within the namespace.
    pub fn id(&self) -> &[u8] {
        parts(&self.bytes).1
    }

    /// Namespace and id in one, different for every two different keys.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key of which these are [`Key::as_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into() }
    }

    /// Bytes of memory the key's text takes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Namespace and id of a key of which these are [`Key::as_bytes`].
pub(crate) fn parts(key: &[u8]) -> (&str, &[u8]) {
    let (prefix, rest) = key.split_first_chunk::<PREFIX>().unwrap_or((&[0; PREFIX], &[]));
    let length = u32::from_be_bytes(*prefix) as usize;
    let (namespace, id) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    (std::str::from_utf8(namespace).unwrap_or_default(), id)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace(), self.id().escape_ascii())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Something a commit can invalidate as a whole, as `video/42` or `video/42/caption`. Each scope
/// owns one generation; raising it costs the same however many entries it covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(Arc<str>);

impl Scope {
    /// The scope of this name.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self(Arc::from(name.into()))
    }

    /// The scope of these parts, joined by `/`. A part's own `/` and `%` are escaped, so that
    /// no choice of names makes two scopes alike.
    pub fn path<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let escaped = parts.into_iter().map(|part| part.replace('%', "%25").replace('/', "%2F"));
        let mut joined = String::new();
        for (part, slash) in escaped.zip(iter::once("").chain(iter::repeat("/"))) {
            joined.push_str(slash);
            joined.push_str(&part);
        }
        Self(joined.into())
    }

    /// The scope that every entry carries.
    pub(crate) fn everything() -> Self {
        Self("\0everything".into())
    }

    /// The scope that every entry of a namespace carries.
    pub(crate) fn namespace(name: &str) -> Self {
        Self(format!("\0namespace/{name}").into())
    }

    /// What the scope means when every entry, or every one of a namespace, carries it.
    pub(crate) fn implied(&self) -> Option<Implied<'_>> {
        if self.0.as_ref() == "\0everything" {
            return Some(Implied::Everything);
        }
        self.0.strip_prefix("\0namespace/").map(Implied::Namespace)
    }

    /// The scope's name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// What entries carry without being told.
pub(crate) enum Implied<'a> {
    /// [`Scope::everything`].
    Everything,
    /// [`Scope::namespace`] of this name.
    Namespace(&'a str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_its_parts() {
        let key = Key::new("segment", [0u8, 255, b'/']);
        assert_eq!((key.namespace(), key.id()), ("segment", &[0u8, 255, b'/'][..]));
        assert_eq!(key.to_string(), r"segment/\x00\xff/");
        assert_eq!((Key::new("", "").namespace(), Key::new("", "").id()), ("", &b""[..]));
    }

    #[test]
    fn the_border_between_namespace_and_id_counts() {
        assert_ne!(Key::new("ab", "c"), Key::new("a", "bc"));
        assert_eq!(Key::new("ab", "c"), Key::new("ab", String::from("c")));
    }

    #[test]
    fn the_border_between_the_parts_of_a_scope_counts() {
        assert_eq!(Scope::path(["video", "42"]), Scope::new("video/42"));
        assert_ne!(Scope::path(["video", "4/2"]), Scope::path(["video", "4", "2"]));
        assert_ne!(Scope::path(["a%2Fb"]), Scope::path(["a/b"]));
    }
}
