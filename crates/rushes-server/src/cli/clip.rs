//! `rushes clip`: a window cut out as a playable file.

use std::path::PathBuf;

use clap::Args;
use rushes::Result;
use rushes::answer::{ClipFormat, ClipRequest};

use super::globals::Globals;
use super::output::Output;
use crate::facts::ClipFacts;
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
    /// Write here; a pipe when not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl ClipOf {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        out.check_room(self.output.as_deref())?;
        let request = ClipRequest {
            video: self.video,
            from: self.from.0,
            to: self.to.0,
            format: self
                .format
                .or_else(|| words::by_ending(self.output.as_deref()))
                .unwrap_or_default(),
            fast: self.fast,
        };
        let clip = globals.open().await?.clip(&request).await?;
        out.file(&clip.file, self.output.as_deref())?;
        match self.output {
            Some(_) => out.answer(&ClipFacts::from(&clip), human),
            None => Ok(()),
        }
    }
}

fn human(clip: &ClipFacts) -> String {
    let (from, to) = (clock(clip.from), clock(clip.to));
    format!("{from} to {to} {} {}", clip.media_type, Bytes(clip.bytes as u64))
}
