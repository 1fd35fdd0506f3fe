//! How far an ingest is: a bar on a terminal, lines otherwise, events for programs.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use rushes::Result;
use rushes::ingest::Event;
use tokio::sync::mpsc::Receiver;

use super::super::output::{Output, printable};
use crate::words::clock;

/// Shows the events of one ingest.
pub(super) enum Progress {
    /// A bar with rate and time to go.
    Bar(ProgressBar),
    /// A line now and then.
    Lines(Instant),
    /// Each event as JSON.
    Events(Output),
}

/// How often a line tells the progress where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// The bar: media time done, frames, how many seconds of video a second, time to go.
const BAR: &str = "{prefix:30!} {wide_bar} {msg} {eta_precise} to go";

impl Progress {
    /// The way that fits where our output goes.
    pub(super) fn new(out: &Output) -> Self {
        if out.json {
            return Self::Events(*out);
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines(Instant::now());
        }
        let style =
            ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self::Bar(ProgressBar::new(0).with_style(style))
    }

    /// Shows events until there are no more.
    pub(super) async fn follow(mut self, mut events: Receiver<Event>) -> Result<()> {
        while let Some(event) = events.recv().await {
            self.show(&event)?;
        }
        if let Self::Bar(bar) = &self {
            bar.finish_and_clear();
        }
        Ok(())
    }

    fn show(&mut self, event: &Event) -> Result<()> {
        match self {
            Self::Events(out) => return out.event(event),
            Self::Bar(bar) => draw(bar, event),
            Self::Lines(last) => {
                if let Some(line) = line(event, last) {
                    note(&line);
                }
            }
        }
        Ok(())
    }
}

fn draw(bar: &ProgressBar, event: &Event) {
    match event {
        Event::Probed { name, duration, .. } => {
            bar.set_prefix(printable(name).into_owned());
            bar.set_length(millis(*duration));
        }
        Event::Progress { done, frames, .. } => {
            bar.set_position(millis(*done));
            let speed = bar.per_sec() / 1000.0;
            bar.set_message(format!("{frames} frames, {speed:.1}x"));
        }
        Event::Warning { message } => bar.println(printable(message)),
    }
}

fn millis(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0) as u64
}

/// The line for an event, if it is time for one.
fn line(event: &Event, last: &mut Instant) -> Option<String> {
    match event {
        Event::Probed { name, duration, .. } => Some(format!("{name}: {}", clock(*duration))),
        Event::Warning { message } => Some(format!("warning: {message}")),
        Event::Progress { done, duration, frames, .. } => {
            if last.elapsed() < BETWEEN_LINES {
                return None;
            }
            *last = Instant::now();
            Some(format!("  {} of {}, {frames} frames", clock(*done), clock(*duration)))
        }
    }
}

/// Says something beside the answer. Nobody is left to tell when standard error is closed.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", printable(text.trim_end()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_now_and_then_but_warnings_always() {
        let progress = Event::Progress { done: 5.0, duration: 10.0, frames: 6, duplicates: 0 };
        let warning = Event::Warning { message: "x".into() };
        let mut last = Instant::now();
        assert_eq!(line(&progress, &mut last), None);
        assert_eq!(line(&warning, &mut last).as_deref(), Some("warning: x"));
        last -= BETWEEN_LINES;
        let told = line(&progress, &mut last).unwrap();
        assert_eq!(told, "  0:00:05.000 of 0:00:10.000, 6 frames");
    }
}
