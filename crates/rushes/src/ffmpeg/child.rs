//! A child process as a reader: its output in bounded pieces, its complaints drained apart and
//! kept for the error, and its end certain.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStdout, Command};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::complaints::{Complaints, Shown, drain};
use super::limits::Limits;
use super::{confine, spawn};
use crate::error::{Error, Kind, Result};

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Ffmpeg,
    Ffprobe,
    #[cfg(test)]
    Missing,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
            #[cfg(test)]
            Self::Missing => "ffmpeg-that-is-not-installed",
        }
    }
}

/// A running child. Dropped, it is killed with its group.
pub(super) struct Child {
    process: tokio::process::Child,
    output: BufReader<ChildStdout>,
    complaints: JoinHandle<Complaints>,
    /// Lines of the child's log that begin with [`super::complaints::SHOWN`].
    pub(super) shown: UnboundedReceiver<Shown>,
    program: Program,
    file: String,
    limits: Limits,
}

impl Child {
    /// Starts a program on a file that errors will name.
    pub(super) async fn start(
        program: Program,
        arguments: Vec<OsString>,
        file: &Path,
        limits: &Limits,
    ) -> Result<Self> {
        let mut process = launch(program, arguments, limits).await?;
        let (Some(output), Some(log)) = (process.stdout.take(), process.stderr.take()) else {
            return Err(Error::new(Kind::Internal, "a child started without its pipes"));
        };
        confine::widen(std::os::fd::AsFd::as_fd(&output));
        let (lines, shown) = tokio::sync::mpsc::unbounded_channel();
        let complaints = tokio::spawn(drain(log, lines));
        let output = BufReader::with_capacity(64 << 10, output);
        Ok(Self { process, output, complaints, shown, program, file: name(file), limits: *limits })
    }

    /// The process, while it has not been waited for.
    #[cfg(test)]
    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Fills the whole buffer; `false` at the clean end of the output.
    pub(super) async fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = buffer.get_mut(filled..).unwrap_or_default();
            let read = timeout(self.limits.stall, self.output.read(rest)).await;
            match self.heard(read)? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(self.problem("its output ended within a frame")),
                read => filled += read,
            }
        }
        Ok(true)
    }

    /// The next line without its end; `false` at the end of the output.
    pub(super) async fn line(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        let read = timeout(self.limits.stall, self.output.read_until(b'\n', line)).await;
        let read = self.heard(read)?;
        while line.last().is_some_and(u8::is_ascii_whitespace) {
            line.pop();
        }
        Ok(read > 0)
    }

    /// All of the output, at most `most` bytes.
    pub(super) async fn all(&mut self, most: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let mut chunk = [0; 16 << 10];
            let read = timeout(self.limits.stall, self.output.read(&mut chunk)).await;
            match self.heard(read)? {
                0 => return Ok(bytes),
                read if bytes.len() + read > most => {
                    return Err(self.problem(&format!("its description exceeds {most} bytes")));
                }
                read => bytes.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            }
        }
    }

    /// Reads and forgets the output (a report of progress, say) to its end.
    pub(super) async fn pass_over(&mut self) -> Result<()> {
        let mut nothing = [0; 1024];
        loop {
            let read = timeout(self.limits.stall, self.output.read(&mut nothing)).await;
            if self.heard(read)? == 0 {
                return Ok(());
            }
        }
    }

    /// Waits for the end; the child's own words when it failed.
    pub(super) async fn finish(mut self) -> Result<Complaints> {
        let stall = self.limits.stall;
        let ended = timeout(stall, self.process.wait()).await.map_err(|_| self.stalled())?;
        let status = ended.map_err(|error| self.broken(error))?;
        // The log ends with the child, unless a child of its own held it open.
        let said = timeout(Duration::from_secs(5), &mut self.complaints).await;
        let complaints = said.ok().and_then(std::result::Result::ok).unwrap_or_default();
        if status.success() {
            return Ok(complaints);
        }
        Err(self.failed(status, &complaints))
    }

    /// What a read gave within the time allowed.
    fn heard<T>(
        &self,
        read: std::result::Result<std::io::Result<T>, tokio::time::error::Elapsed>,
    ) -> Result<T> {
        read.map_err(|_| self.stalled())?.map_err(|error| self.broken(error))
    }

    fn problem(&self, what: &str) -> Error {
        Error::new(Kind::Unsupported, format!("{}: not a readable video: {what}", self.file))
    }

    fn broken(&self, error: std::io::Error) -> Error {
        let text =
            format!("{}: {} could not be read from: {error}", self.file, self.program.name());
        Error::caused(Kind::Internal, text, error)
    }

    fn stalled(&self) -> Error {
        let (file, program) = (&self.file, self.program.name());
        let seconds = self.limits.stall.as_secs_f64();
        let text = format!("{file}: {program} gave nothing for {seconds} s and was stopped");
        Error::new(Kind::Unsupported, text)
    }

    fn failed(&self, status: std::process::ExitStatus, complaints: &Complaints) -> Error {
        use std::os::unix::process::ExitStatusExt;
        let (file, seconds) = (&self.file, self.limits.cpu.as_secs());
        let reason = match status.signal() {
            Some(libc::SIGXCPU | libc::SIGKILL) => {
                format!("{} was stopped: it used more than {seconds} s of CPU", self.program.name())
            }
            Some(libc::SIGXFSZ) => {
                let text = format!("{file}: the result exceeds {} bytes", self.limits.output);
                return Error::new(Kind::TooLarge, text);
            }
            Some(signal) => format!("{} ended by signal {signal}", self.program.name()),
            None => complaints.reason(file),
        };
        Error::new(Kind::Unsupported, format!("{file}: not a readable video: {reason}"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.complaints.abort();
        // No id means that it was waited for, and its number may be another's by now.
        if let Some(leader) = self.process.id() {
            confine::kill_group(leader);
        }
    }
}

async fn launch(
    program: Program,
    arguments: Vec<OsString>,
    limits: &Limits,
) -> Result<tokio::process::Child> {
    let mut command = Command::new(program.name());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    // Each allocation arena reserves 64 MB of address space, and there may be dozens of threads.
    command.env("MALLOC_ARENA_MAX", "4");
    confine::bind(&mut command, limits);
    spawn::spawn(command).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(
            Kind::Unavailable,
            format!(
                "{} was not found on the PATH; install ffmpeg (Debian: `apt install ffmpeg`)",
                program.name()
            ),
        ),
        _ => {
            let text = format!("{} could not be started: {error}", program.name());
            Error::caused(Kind::Unavailable, text, error)
        }
    })
}

/// How errors name a file: without its folders, on one line.
pub(super) fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
