//! What a value is found by, and what it can be invalidated by.

/// A key: a namespace and an id of any bytes within it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    namespace: Box<str>,
    id: Box<str>,
}

impl Key {
    /// A key within a namespace.
    pub fn new(namespace: &str, id: impl Into<Box<str>>) -> Self {
        Self { namespace: namespace.into(), id: id.into() }
    }
}

/// Something a commit can invalidate as a whole, as `video/42` or `video/42/caption`. Each scope
/// owns one generation; raising it costs the same however many entries it covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(Box<str>);

impl Scope {
    /// The scope of this name.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }
}
