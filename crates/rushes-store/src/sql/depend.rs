//! What an answer depends on: watched things, as a whole or some groups of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::narrow::Bound;
use super::value::{SqlParams, SqlValue};

/// What the values of a grouping column are compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affinity {
    Text,
    Integer,
}

/// Columns that say which video a row is about; the first that a table has.
pub(crate) const GROUPING: [&str; 2] = ["video_id", "video"];

/// Views of the library that show one video where theirs is demanded, and what they read.
pub(crate) const VIEWS: [(&str, &[&str], Option<&str>); 2] = [
    ("timeline", &["entries", "videos"], Some("recipes")),
    ("conversation", &["messages", "videos"], None),
];

/// What a table of the library is watched as.
pub(crate) fn family(table: &str) -> Option<&'static str> {
    match table {
        "entries" | "lanes" | "runs" => Some("entries"),
        "videos" | "names" => Some("videos"),
        "messages" => Some("messages"),
        "recipes" => Some("recipes"),
        _ => None,
    }
}

/// The group of a value that a statement demands: as text, in one case and without blanks at its
/// end, so that values which a database may call equal are one group. `None` where it could equal
/// values of several groups, or of none that can be told.
pub(crate) fn group_of_value(value: &SqlValue, affinity: Affinity) -> Option<String> {
    match (value, affinity) {
        (SqlValue::Text(text), Affinity::Text) if !text.contains('\0') => {
            Some(text.trim_end_matches(' ').to_ascii_lowercase())
        }
        (SqlValue::Integer(whole), _) => Some(whole.to_string()),
        _ => None,
    }
    // The empty group is the table as a whole.
    .filter(|group| !group.is_empty())
}

/// What a statement reads, as of one version of the schema.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) schema: i64,
    /// What its answer depends on, or why it cannot be cached.
    pub(crate) on: Result<Vec<Dependency>, Arc<str>>,
    /// What tells the schema's version, where that is told of some things only.
    pub(crate) catalogue: Catalogue,
}

/// The part of a database's catalogue that gives a statement its meaning.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Catalogue {
    /// Tables and views that are read, by their numbers.
    pub(crate) relations: Vec<u32>,
    /// All words of the statement: whatever comes to be called so may change what it means.
    pub(crate) words: Vec<String>,
}

/// One watched thing, as a whole or some groups of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dependency {
    /// What its generations are kept under.
    pub(crate) family: String,
    /// What people call it; nothing where it is not to be shown.
    pub(crate) name: Option<String>,
    pub(crate) groups: Option<(Affinity, Vec<Bound>)>,
}

impl Dependency {
    /// The rows of the generations that govern an answer with these values.
    pub(crate) fn rows(&self, params: &SqlParams) -> Vec<(String, String)> {
        let groups = self.groups.as_ref().and_then(|(affinity, bounds)| {
            let group = |bound: &Bound| {
                let value: &SqlValue = match bound {
                    Bound::Literal(value) => value,
                    Bound::Param(place) => params.get(place)?,
                };
                group_of_value(value, *affinity)
            };
            bounds.iter().map(group).collect::<Option<BTreeSet<String>>>()
        });
        let groups = groups.unwrap_or_else(|| BTreeSet::from([String::new()]));
        groups.into_iter().map(|group| (self.family.clone(), group)).collect()
    }

    /// For people: the table, or `table/video`.
    pub(crate) fn shown(&self) -> Option<String> {
        let name = self.name.as_ref()?;
        let Some((_, bounds)) = &self.groups else { return Some(name.clone()) };
        let values: Vec<String> = bounds.iter().map(Bound::shown).collect();
        Some(format!("{name}/{}", values.join(",")))
    }
}

/// Adds a dependency, unless the thing counts as a whole already.
pub(crate) fn add(on: &mut Vec<Dependency>, new: Dependency) {
    let same = |on: &Dependency| on.family == new.family;
    if on.iter().any(|on| same(on) && on.groups.is_none()) {
        return;
    }
    if new.groups.is_none() {
        on.retain(|on| !same(on));
    }
    if !on.contains(&new) {
        on.push(new);
    }
}
