//! What a child writes to its log: frames that it shows, and complaints kept for the error.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc::UnboundedSender;

/// A line of the log about a frame, and how many complaints came before it.
#[derive(Debug)]
pub(super) struct Shown {
    /// The line.
    pub(super) line: String,
    /// Complaints until then.
    pub(super) complaints: u64,
    /// Damaged frames until then.
    pub(super) corrupt: u64,
}

/// How the filter `showinfo` begins its lines, whatever its place in the chain.
pub(super) const SHOWN: &str = "[Parsed_showinfo_";

/// Lines of complaint that are kept.
const KEPT_LINES: usize = 24;
/// Bytes of one line that are kept; a file can carry endless text.
const KEPT_BYTES: usize = 512;

/// The tail of a child's complaints.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    lines: VecDeque<String>,
    /// How many there were.
    pub(super) count: u64,
    /// How many decoded frames were said to be damaged.
    pub(super) corrupt: u64,
}

impl Complaints {
    fn note(&mut self, line: &str) {
        self.count += 1;
        if self.lines.len() == KEPT_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// Whether the container ended before it said that it would.
    pub(super) fn cut_short(&self) -> bool {
        let marks = ["partial file", "ended prematurely"];
        self.lines.iter().any(|line| marks.iter().any(|mark| line.contains(mark)))
    }

    /// The line that tells most, in one sentence and without folders.
    pub(super) fn reason(&self, file: &str) -> String {
        let texts = || self.lines.iter().map(|line| plain(line, file));
        if let Some(format) = self.lines.iter().find_map(|line| refused_format(line)) {
            return format!("its format ({format}) is not one that is read");
        }
        if texts().any(|text| text.contains("moov atom not found")) {
            return "it is cut short or was never finished (moov atom not found)".into();
        }
        if let Some(size) = texts().find_map(|text| too_large(&text)) {
            return size;
        }
        let generic = |text: &String| text.starts_with("Invalid data found");
        let telling = texts().find(|text| !text.is_empty() && !generic(text));
        telling.unwrap_or_else(|| "its bytes are not a video that ffmpeg knows".into())
    }
}

/// `Picture size 64x48 exceeds specified max pixel count 3071, see ...`
fn too_large(text: &str) -> Option<String> {
    let (size, rest) = text.strip_prefix("Picture size ")?.split_once(" exceeds ")?;
    let most: String = rest.chars().filter(char::is_ascii_digit).collect();
    Some(format!("its frames of {size} exceed {most} pixels"))
}

/// The demuxer's name in `[hls @ 0x..] [error] Format not on whitelist '...'`.
fn refused_format(line: &str) -> Option<&str> {
    if !line.contains("Format not on whitelist") {
        return None;
    }
    line.strip_prefix('[')?.split([' ', ']']).next()
}

/// A log line without `[decoder @ 0x..] [error]` before it and without the file's folders.
fn plain(line: &str, file: &str) -> String {
    let mut text = line;
    while let Some((tag, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        if !tag.contains(" @ ") && !matches!(tag, "error" | "fatal" | "panic") {
            break;
        }
        text = rest;
    }
    match text.rsplit_once(&format!("{file}: ")) {
        Some((_, after)) => after.trim().to_owned(),
        None if text.contains("file:/") => String::new(),
        None => text.trim().to_owned(),
    }
}

/// Reads the log to its end. It never waits for anybody, or the child could wait for us.
pub(super) async fn drain(
    mut log: impl AsyncRead + Unpin,
    shown: UnboundedSender<Shown>,
) -> Complaints {
    let mut complaints = Complaints::default();
    let (mut line, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = log.read(&mut chunk).await {
        for &byte in chunk.get(..read).unwrap_or_default() {
            if byte != b'\n' && byte != b'\r' {
                if line.len() < KEPT_BYTES {
                    line.push(byte);
                }
                continue;
            }
            sort(&line, &mut complaints, &shown);
            line.clear();
        }
    }
    sort(&line, &mut complaints, &shown);
    complaints
}

fn sort(line: &[u8], complaints: &mut Complaints, shown: &UnboundedSender<Shown>) {
    let line = String::from_utf8_lossy(line);
    if line.starts_with(SHOWN) {
        // A reader who has gone no longer wants them.
        let (count, corrupt) = (complaints.count, complaints.corrupt);
        let _ = shown.send(Shown { line: line.into_owned(), complaints: count, corrupt });
    } else if line.contains("corrupt decoded frame") {
        complaints.corrupt += 1;
    } else if is_complaint(&line) {
        complaints.note(&line);
    }
}

/// Errors, and the warning of decoders that were made to begin in the middle.
fn is_complaint(line: &str) -> bool {
    ["[error] ", "[fatal] ", "no keyframe", "not a keyframe"].iter().any(|mark| line.contains(mark))
}
