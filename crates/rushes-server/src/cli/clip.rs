//! `rushes clip`: a window cut out as a playable file.

use std::path::PathBuf;

use clap::Args;
use rushes::Result;
use rushes::answer::{ClipFormat, ClipRequest};

use super::globals::Globals;
use super::output::Output;
use crate::facts::{ClipFacts, cost};
use crate::words::{self, Bytes, Seconds, clock};

/// Cut a window out as a playable file
#[derive(Debug, Args)]
pub(crate) struct ClipOf {
    /// The video
    video: String,
    /// From this time
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    from: Seconds,
    /// To this time
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    to: Seconds,
    /// mp4, gif or webp [default: as the file is called, else mp4]
    #[arg(long, value_parser = words::choice::<ClipFormat>)]
    format: Option<ClipFormat>,
    /// Copy the streams from the keyframe before --from instead of encoding again
    #[arg(long)]
    fast: bool,
    /// State times, size and token costs, cut nothing
    #[arg(long)]
    dry_run: bool,
    /// Write here; a pipe when not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl ClipOf {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        if !self.dry_run {
            out.check_room(self.output.as_deref())?;
        }
        let request = ClipRequest {
            video: self.video,
            from: self.from.0,
            to: self.to.0,
            format: words::format(self.format, self.output.as_deref())?.unwrap_or_default(),
            fast: self.fast,
            dry_run: self.dry_run,
        };
        let clip = globals.open().await?.clip(&request).await?;
        if !self.dry_run {
            out.file(&clip.file, self.output.as_deref())?;
        }
        match self.dry_run || self.output.is_some() {
            true => out.answer(&ClipFacts::from(&clip), human),
            false => Ok(()),
        }
    }
}

fn human(clip: &ClipFacts) -> String {
    let ClipFacts { from, to, duration, width, height, media_type, .. } = clip;
    let mut line = format!("{} to {} {media_type} {width}x{height}", clock(*from), clock(*to));
    match clip.bytes {
        0 => line += &format!(", {duration:.3} s"),
        bytes => line += &format!(", {duration:.3} s, {}", Bytes(bytes as u64)),
    }
    format!("{line} · {} (as pictures, one a second)", cost(&clip.tokens))
}
