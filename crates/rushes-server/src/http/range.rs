//! Conditions and ranges of a request (RFC 9110, sections 13 and 14).

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// Which part of a representation a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// None: the caller has it already.
    Unchanged,
    /// All of it.
    Whole,
    /// These bytes.
    Bytes(Range<u64>),
    /// Bytes that it does not have.
    Unsatisfiable,
}

impl Part {
    /// The part of `len` bytes tagged `etag` (quotes included) that the headers ask for.
    pub(super) fn asked(headers: &HeaderMap, etag: &str, len: u64) -> Self {
        let none_match = text(headers, header::IF_NONE_MATCH);
        if none_match.is_some_and(|tags| names(tags, etag)) {
            return Self::Unchanged;
        }
        let Some(range) = text(headers, header::RANGE) else {
            return Self::Whole;
        };
        // A range of something else than what the caller has a part of would be of no use.
        if text(headers, header::IF_RANGE).is_some_and(|tag| tag != etag) {
            return Self::Whole;
        }
        Self::of(range, len)
    }

    /// Reads a `Range` header. Several ranges, other units and nonsense mean the whole, as the
    /// standard allows.
    fn of(range: &str, len: u64) -> Self {
        let Some((first, last)) = range.strip_prefix("bytes=").and_then(|r| r.split_once('-'))
        else {
            return Self::Whole;
        };
        let bytes = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(len),
            (Ok(first), Err(_)) if last.trim().is_empty() => first..len,
            (Err(_), Ok(suffix)) if first.trim().is_empty() => len.saturating_sub(suffix)..len,
            _ => return Self::Whole,
        };
        if bytes.start >= bytes.end { Self::Unsatisfiable } else { Self::Bytes(bytes) }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a list of entity tags names this one, compared weakly.
pub(super) fn names(tags: &str, etag: &str) -> bool {
    let mut tags = tags.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
    tags.any(|tag| tag == "*" || tag == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(header::HeaderName, &str)]) -> Part {
        let headers = pairs.iter().map(|(name, text)| (name.clone(), text.parse().unwrap()));
        Part::asked(&headers.collect(), "\"abc\"", 100)
    }

    #[test]
    fn a_known_tag_means_unchanged_even_with_a_range() {
        assert_eq!(asked(&[(header::IF_NONE_MATCH, "\"x\", W/\"abc\"")]), Part::Unchanged);
        assert_eq!(asked(&[(header::IF_NONE_MATCH, "*")]), Part::Unchanged);
        assert_eq!(asked(&[(header::IF_NONE_MATCH, "\"x\"")]), Part::Whole);
        let both = [(header::IF_NONE_MATCH, "\"abc\""), (header::RANGE, "bytes=0-1")];
        assert_eq!(asked(&both), Part::Unchanged);
    }

    #[test]
    fn one_range_is_cut_to_what_there_is() {
        let range = |text| asked(&[(header::RANGE, text)]);
        assert_eq!(range("bytes=0-9"), Part::Bytes(0..10));
        assert_eq!(range("bytes=90-"), Part::Bytes(90..100));
        assert_eq!(range("bytes=90-18446744073709551615"), Part::Bytes(90..100));
        assert_eq!(range("bytes=-5"), Part::Bytes(95..100));
        assert_eq!(range("bytes=-500"), Part::Bytes(0..100));
        assert_eq!(range("bytes=100-"), Part::Unsatisfiable);
        assert_eq!(range("bytes=-0"), Part::Unsatisfiable);
        for whole in ["bytes=0-1,5-6", "bytes=9-1", "bytes=", "bytes=-", "items=0-1", "bytes=a-b"] {
            assert_eq!(range(whole), Part::Whole, "{whole}");
        }
    }

    #[test]
    fn a_range_of_an_older_representation_is_answered_whole() {
        let range = (header::RANGE, "bytes=0-9");
        assert_eq!(asked(&[range.clone(), (header::IF_RANGE, "\"old\"")]), Part::Whole);
        assert_eq!(asked(&[range, (header::IF_RANGE, "\"abc\"")]), Part::Bytes(0..10));
    }
}
