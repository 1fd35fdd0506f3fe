//! Wildcard patterns over keys: `*` stands for any run of characters, `?` for one character,
//! everything else for itself.

use std::fmt;

use crate::key::{Key, parts};

/// Which keys an invalidation covers, as a wildcard says it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    namespace: Where,
    id: Glob,
}

/// The namespaces that a pattern is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Where {
    /// The one of this very name, whatever characters are in it.
    In(Box<str>),
    /// Those that a wildcard matches.
    Like(Glob),
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pattern: write NAMESPACE:ID with `*` and `?` anywhere, as captions:42/*")]
pub struct BadPattern(String);

impl Pattern {
    /// The keys of one namespace whose ids the wildcard `id` matches as a whole.
    pub fn within(namespace: &str, id: &str) -> Self {
        Self { namespace: Where::In(namespace.into()), id: Glob::new(id) }
    }

    /// The keys of all namespaces that the wildcard `namespace` matches, whose ids the wildcard
    /// `id` matches.
    pub fn across(namespace: &str, id: &str) -> Self {
        match Glob::new(namespace) {
            glob if glob.is_literal() => Self::within(namespace, id),
            glob => Self { namespace: Where::Like(glob), id: Glob::new(id) },
        }
    }

    /// Reads `NAMESPACE:ID`; the first colon parts the two. A lone `*` is everything.
    ///
    /// # Errors
    /// When there is no colon.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        match text.split_once(':') {
            Some((namespace, id)) => Ok(Self::across(namespace, id)),
            None if text == "*" => Ok(Self::across("*", "*")),
            None => Err(BadPattern(text.to_owned())),
        }
    }

    /// Whether it covers the key.
    pub fn matches(&self, key: &Key) -> bool {
        self.matches_bytes(key.as_bytes())
    }

    /// The same for a key of which these are [`Key::as_bytes`].
    pub(crate) fn matches_bytes(&self, key: &[u8]) -> bool {
        let (namespace, id) = parts(key);
        self.covers_namespace(namespace) && self.id.matches(id)
    }

    pub(crate) fn covers_namespace(&self, name: &str) -> bool {
        match &self.namespace {
            Where::In(own) => **own == *name,
            Where::Like(glob) => glob.matches(name.as_bytes()),
        }
    }

    /// The namespaces that it is about, and whether it covers all ids there.
    pub(crate) fn parts(&self) -> (&Where, bool) {
        (&self.namespace, self.id.is_all())
    }

    /// The one key that it can cover, when it has no wildcard.
    pub(crate) fn only_key(&self) -> Option<Key> {
        match &self.namespace {
            Where::In(name) if self.id.is_literal() => Some(Key::new(name, &*self.id.0)),
            _ => None,
        }
    }

    /// As logs keep it: whether the namespace is a wildcard, its length, the namespace, the id.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let (like, namespace) = match &self.namespace {
            Where::In(name) => (0, &**name),
            Where::Like(glob) => (1, &*glob.0),
        };
        let length = u32::try_from(namespace.len()).unwrap_or(u32::MAX).to_le_bytes();
        [&[like], &length[..], namespace.as_bytes(), self.id.0.as_bytes()].concat()
    }

    /// The pattern of which these are [`Pattern::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (like, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (namespace, id) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (namespace, id) = (str::from_utf8(namespace).ok()?, str::from_utf8(id).ok()?);
        let namespace = match like {
            0 => Where::In(namespace.into()),
            1 => Where::Like(Glob::new(namespace)),
            _ => return None,
        };
        Some(Self { namespace, id: Glob::new(id) })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = match &self.namespace {
            Where::In(name) => name,
            Where::Like(glob) => &glob.0,
        };
        write!(f, "{namespace}:{}", self.id.0)
    }
}

/// A wildcard over one part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Glob(Box<str>);

impl Glob {
    /// Runs of `*` become one, so that matching goes back to one place at most.
    fn new(text: &str) -> Self {
        let mut short = String::with_capacity(text.len());
        for c in text.chars() {
            if c != '*' || !short.ends_with('*') {
                short.push(c);
            }
        }
        Self(short.into())
    }

    pub(crate) fn is_all(&self) -> bool {
        &*self.0 == "*"
    }

    fn is_literal(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether it matches all of `text`. Takes at most as many steps as both are long, multiplied.
    fn matches(&self, text: &[u8]) -> bool {
        let pattern = self.0.as_bytes();
        let (mut at, mut in_text) = (0, 0);
        // Behind the last star, and up to where it reaches.
        let mut star: Option<(usize, usize)> = None;
        while in_text < text.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at + 1, in_text));
                    at += 1;
                    continue;
                }
                Some(b'?') => {
                    (at, in_text) = (at + 1, in_text + character(text, in_text));
                    continue;
                }
                Some(literal) if text.get(in_text) == Some(literal) => {
                    (at, in_text) = (at + 1, in_text + 1);
                    continue;
                }
                Some(_) | None => {}
            }
            let Some((behind, reach)) = star else { return false };
            let reach = reach + character(text, reach);
            star = Some((behind, reach));
            (at, in_text) = (behind, reach);
        }
        pattern.get(at..).unwrap_or_default().iter().all(|rest| *rest == b'*')
    }
}

/// How many bytes the character at `at` has; a byte that is not UTF-8 counts as one.
fn character(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let wide = match rest.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    let whole = rest.get(..wide).is_some_and(|bytes| str::from_utf8(bytes).is_ok());
    if whole { wide } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(glob: &str, text: &str) -> bool {
        Glob::new(glob).matches(text.as_bytes())
    }

    #[test]
    fn a_star_is_any_run_and_a_question_mark_one_character() {
        assert!(matches("video:123:*", "video:123:") && matches("video:123:*", "video:123:a\nb"));
        assert!(!matches("video:123:*", "video:123") && !matches("video:123:*", "video:1234:a"));
        assert!(matches("*:captions", "a:b:captions") && matches("a*b*c", "axxbyybc"));
        assert!(matches("?", "é") && matches("?", "€") && !matches("?", "ab") && !matches("?", ""));
        assert!(!Glob::new("??").matches("é".as_bytes()) && Glob::new("?").matches(&[0xff]));
        assert!(matches("", "") && matches("**", "") && !matches("", "a"));
    }

    #[test]
    fn everything_else_stands_for_itself() {
        for text in ["a.c", "[1]", "a|b", "(", r"\1", "a+", "^$", "{}"] {
            assert!(matches(text, text), "{text}");
        }
        assert!(!matches("a.c", "abc") && !matches("[1]", "1") && !matches(r"\*", "*"));
    }

    #[test]
    fn a_pattern_within_a_namespace_takes_its_name_as_it_is() {
        let star = Pattern::within("*", "a*");
        assert!(star.matches(&Key::new("*", "ab")) && !star.matches(&Key::new("x", "ab")));
        let all = Pattern::across("*", "a*");
        assert!(all.matches(&Key::new("x", "ab")) && !all.matches(&Key::new("x", "b")));
        assert!(!Pattern::within("ab", "*").matches(&Key::new("a", "b")));
    }

    #[test]
    fn a_text_is_read_up_to_its_first_colon() {
        let pattern = Pattern::parse("video:123:*").unwrap();
        assert_eq!(pattern, Pattern::within("video", "123:*"));
        assert_eq!(pattern.to_string(), "video:123:*");
        assert_eq!(Pattern::parse("vid?o:*").unwrap(), Pattern::across("vid?o", "*"));
        assert_eq!(Pattern::parse("*").unwrap(), Pattern::across("*", "*"));
        assert!(Pattern::parse("video").unwrap_err().to_string().contains("NAMESPACE:ID"));
    }

    #[test]
    fn many_stars_are_no_way_to_keep_it_busy() {
        let text = vec![b'a'; 20_000];
        assert!(!Glob::new(&"*a".repeat(500).replace("aa", "a*b")).matches(&text[..0]));
        assert!(!Glob::new(&format!("{}b", "a*".repeat(200))).matches(&text));
    }

    /// The obvious definition, in exponential time.
    fn obviously(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| obviously(rest, &text[skip..])),
            Some((c, rest)) => match text.split_first() {
                Some((first, others)) => (*c == '?' || c == first) && obviously(rest, others),
                None => false,
            },
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn it_matches_what_its_definition_says(glob in "[ab*?é]{0,8}", text in "[abé€]{0,8}") {
            let (pattern, letters): (Vec<_>, Vec<_>) = (glob.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&glob, &text), obviously(&pattern, &letters));
        }

        #[test]
        fn what_was_written_is_read(namespace in ".{0,9}", id in ".{0,9}", across: bool) {
            let pattern = if across {
                Pattern::across(&namespace, &id)
            } else {
                Pattern::within(&namespace, &id)
            };
            prop_assert_eq!(Pattern::from_bytes(&pattern.to_bytes()), Some(pattern));
        }

        #[test]
        fn garbage_is_no_pattern(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(pattern) = Pattern::from_bytes(&bytes) {
                prop_assert_eq!(Pattern::from_bytes(&pattern.to_bytes()), Some(pattern));
            }
        }
    }
}
