//! The engine's answers as blocks that an agent reads, and as structured content.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock};
use rushes::answer::{Cited, SearchResults};
use rushes::read::Entries;
use rushes::{Error, Messages, Videos};
use serde::Serialize;
use serde_json::Value;

use crate::fate;
use crate::words::{begins, clock, ends};

/// Text for the agent beside the whole answer as structured content.
pub(super) fn told<T: Serialize>(text: String, answer: &T) -> CallToolResult {
    with_structure(vec![ContentBlock::text(text)], answer)
}

/// Blocks for the agent beside the whole answer as structured content.
pub(super) fn with_structure<T: Serialize>(
    blocks: Vec<ContentBlock>,
    answer: &T,
) -> CallToolResult {
    let mut result = CallToolResult::success(blocks);
    result.structured_content = serde_json::to_value(answer).ok();
    result
}

/// A refusal, as an answer: the agent reads it and asks otherwise.
pub(super) fn refused(error: &Error) -> CallToolResult {
    refusal(fate::of(error.kind()).name, &error.to_string())
}

/// A refusal of what the owner has not allowed.
pub(super) fn forbidden(why: &str) -> CallToolResult {
    refusal("forbidden", why)
}

fn refusal(kind: &str, message: &str) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(format!("{kind}: {message}"))]);
    result.structured_content = Some(serde_json::json!({ "kind": kind, "message": message }));
    result
}

/// A line a video.
pub(super) fn videos(videos: &Videos) -> String {
    let line = |video: &rushes::store::Video| {
        format!("{} {} {}\n", video.id, clock(video.duration), video.name)
    };
    let lines: String = videos.items.iter().map(line).collect();
    or(lines, "the library is empty\n") + &more(videos.next.as_deref())
}

/// A line an entry.
pub(super) fn entries(entries: &Entries) -> String {
    let line = |entry: &Arc<rushes::store::Entry>| {
        let (start, end) = (begins(entry.start, entry.end), ends(entry.start, entry.end));
        let about = if entry.estimated { "~" } else { "" };
        format!("{about}{start}-{end} {} {}\n", entry.kind, said(&entry.data))
    };
    let lines: String = entries.items.iter().map(line).collect();
    let text = or(lines, "none found\n") + &never(&entries.never_computed);
    text + &more(entries.next.as_deref())
}

/// A line a result.
pub(super) fn found(results: &SearchResults) -> String {
    let line = |found: &rushes::answer::Found| {
        let time = begins(found.start, found.end);
        format!("{time} {} {} [{}] {}\n", found.name, found.kind, found.reference, found.snippet)
    };
    let lines: String = results.items.iter().map(line).collect();
    let text = or(lines, "nothing found\n") + &never(&results.never_computed);
    if results.more { text + "more: ask with offset\n" } else { text }
}

/// What a reference stands for.
pub(super) fn cited(cited: &Cited) -> String {
    format!("{} {} {}\n{}", cited.name, cited.time, cited.entry.kind, cited.text)
}

/// A line a message.
pub(super) fn messages(messages: &Messages) -> String {
    let line = |message: &rushes::store::Message| {
        format!("{}: {}\n", format!("{:?}", message.role).to_lowercase(), message.content)
    };
    let lines: String = messages.items.iter().map(line).collect();
    or(lines, "no messages yet\n") + &more(messages.next.as_deref())
}

/// An entry's words, else its data.
fn said(data: &Value) -> String {
    match data.get("text").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => data.to_string(),
    }
}

fn or(lines: String, nothing: &str) -> String {
    if lines.is_empty() { nothing.to_owned() } else { lines }
}

fn never(kinds: &[String]) -> String {
    kinds.iter().map(|kind| format!("{kind}: never computed\n")).collect()
}

fn more(next: Option<&str>) -> String {
    next.map(|cursor| format!("more: ask with cursor {cursor}\n")).unwrap_or_default()
}
