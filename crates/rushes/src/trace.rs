//! What was read, as a trace that `rushes replay` runs again: CSV of
//! `time_ms,session,video,data_type,t_start,t_end`, one read a line.
//!
//! Nothing in it can be led back to a video or a person: sessions and videos are hashed under a key
//! that is drawn for each file and kept nowhere, and no text is written. Reads never wait for the
//! file: where it cannot follow, lines are left out and counted.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rushes_store::{EntryQuery, Kind, Video, Window};

use crate::engine::Rushes;
use crate::error::{Error, Kind as ErrorKind, Result};

/// The first line.
const HEADER: &str = "time_ms,session,video,data_type,t_start,t_end";
/// What everybody has: what a read of no kind in particular reads.
const ALL: [&str; 4] = [Kind::FRAME, Kind::CAPTION, Kind::TRANSCRIPT, Kind::OBJECT];
/// Lines that may wait for the file.
const WAITING: usize = 1 << 14;

/// A trace that is being written.
pub(crate) struct Tape {
    began: Instant,
    key: [u8; 32],
    lines: Mutex<Option<(SyncSender<String>, JoinHandle<()>)>>,
    left_out: AtomicU64,
}

impl Tape {
    fn new(file: File) -> Result<Self> {
        let mut key = [0; 32];
        let drawn = File::open("/dev/urandom")
            .and_then(|mut source| std::io::Read::read_exact(&mut source, &mut key));
        drawn.map_err(|error| {
            Error::caused(ErrorKind::Internal, "the system gives no random bytes", error)
        })?;
        let (sender, lines) = sync_channel(WAITING);
        let writer = std::thread::Builder::new()
            .name("rushes-trace".to_owned())
            .spawn(move || write(file, &lines))
            .map_err(|error| Error::caused(ErrorKind::Internal, "cannot start a thread", error))?;
        Ok(Self {
            began: Instant::now(),
            key,
            lines: Mutex::new(Some((sender, writer))),
            left_out: AtomicU64::new(0),
        })
    }

    fn note(&self, session: u64, video: &Video, kind: &str, window: Window) {
        let millis = self.began.elapsed().as_millis();
        let session = self.hashed(&session.to_le_bytes());
        let name = self.hashed(video.id.as_str().as_bytes());
        // A trace counts from the first frame on, and an open end is the video's.
        let place = |at: f64| (at - video.start).clamp(0.0, video.duration);
        let (from, to) = (place(window.from), place(window.to));
        let line = format!("{millis},{session},{name},{kind},{from:.3},{to:.3}\n");
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.as_ref().is_some_and(|(lines, _)| lines.try_send(line).is_err()) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn hashed(&self, bytes: &[u8]) -> String {
        let hash = blake3::keyed_hash(&self.key, bytes).to_hex();
        hash.chars().take(16).collect()
    }

    /// Ends the trace; what was noted is in the file when this returns.
    pub(crate) fn end(&self) {
        let ended = self.lines.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((lines, writer)) = ended else { return };
        drop(lines);
        if writer.join().is_err() {
            tracing::error!("the writer of the trace panicked");
        }
        let left_out = self.left_out.load(Ordering::Relaxed);
        if left_out > 0 {
            tracing::warn!(left_out, "the trace lacks reads: its file could not follow");
        }
    }
}

fn write(file: File, lines: &Receiver<String>) {
    let mut out = BufWriter::new(file);
    let mut done = || -> std::io::Result<()> {
        writeln!(out, "{HEADER}")?;
        while let Ok(line) = lines.recv() {
            out.write_all(line.as_bytes())?;
            while let Ok(line) = lines.try_recv() {
                out.write_all(line.as_bytes())?;
            }
            // Nothing more at the moment: a killed process loses nothing that was noted before.
            out.flush()?;
        }
        out.flush()
    };
    if let Err(error) = done() {
        tracing::error!(%error, "the trace ends here: its file cannot be written");
    }
}

impl Rushes {
    /// Writes every read of a timeline from now on into a new file, as `rushes replay` reads it,
    /// until the library is closed. Ids are hashed under a key that nobody learns.
    ///
    /// # Errors
    /// `Invalid` when the file exists already or cannot be made, `Busy` when a trace is being
    /// written.
    pub fn record(&self, path: &Path) -> Result<()> {
        if self.inner.tape.get().is_some() {
            return Err(Error::new(ErrorKind::Busy, "a trace is being recorded already"));
        }
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        let file = made.map_err(|error| {
            let text = format!("cannot record into {}: {error}", path.display());
            Error::caused(ErrorKind::Invalid, text, error)
        })?;
        let taken = self.inner.tape.set(Tape::new(file)?);
        taken.map_err(|_| Error::new(ErrorKind::Busy, "a trace is being recorded already"))
    }

    /// Notes a read of a window, if a trace is being recorded. No kinds stand for the four that
    /// everybody has.
    pub(crate) fn trace_read(&self, session: u64, video: &Video, query: &EntryQuery) {
        let Some(tape) = self.inner.tape.get() else { return };
        let named = query.kinds.iter().map(Kind::as_str);
        let kinds = named.chain(ALL.into_iter().filter(|_| query.kinds.is_empty()));
        kinds.for_each(|kind| tape.note(session, video, kind, query.window));
    }
}
