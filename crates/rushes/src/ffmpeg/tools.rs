//! The programs that Rushes calls, as they are installed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::build::Build;
use super::child::{Child, Program};
use super::input::words;
use super::limits::Limits;
use crate::error::Result;

/// Most bytes of a program's own account that are read.
const MOST: usize = 64 << 10;

/// A program that Rushes calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its version as it says itself; absent when it cannot be run.
    pub version: Option<String>,
    /// What it can do that Rushes asks of it, and whether it can.
    pub features: BTreeMap<&'static str, bool>,
    /// Why it cannot be run, and the remedy.
    pub problem: Option<String>,
}

/// The programs that Rushes calls, ffmpeg and ffprobe, each asked for its version.
pub async fn tools() -> [Tool; 2] {
    let ffmpeg = tool("ffmpeg", Program::Ffmpeg).await;
    let ffprobe = tool("ffprobe", Program::Ffprobe).await;
    [ffmpeg, Tool { features: BTreeMap::new(), ..ffprobe }]
}

async fn tool(name: &'static str, program: Program) -> Tool {
    match account(name, program).await {
        Ok(text) => {
            Tool { name, version: version(&text), features: features(&text), problem: None }
        }
        Err(error) => {
            let problem = Some(error.to_string());
            Tool { name, version: None, features: BTreeMap::new(), problem }
        }
    }
}

async fn account(name: &str, program: Program) -> Result<String> {
    let words = words(["-hide_banner", "-version"]);
    let mut child = Child::start(program, words, Path::new(name), &Limits::default()).await?;
    let text = child.all(MOST).await?;
    child.finish().await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The word after `version` on the first line.
fn version(text: &str) -> Option<String> {
    let mut words = text.lines().next()?.split(' ').skip_while(|word| *word != "version");
    words.nth(1).map(str::to_owned)
}

fn features(text: &str) -> BTreeMap<&'static str, bool> {
    let Build { zscale, x264, webp, .. } = Build::parse(text);
    [("tone mapping (zscale)", zscale), ("clips in MP4 (libx264)", x264), ("clips in WebP", webp)]
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_word_after_the_word() {
        let text = "ffprobe version 5.1.9-0+deb12u1 Copyright (c) 2007\nbuilt with gcc";
        assert_eq!(version(text).as_deref(), Some("5.1.9-0+deb12u1"));
        assert_eq!(version("nonsense"), None);
    }

    #[tokio::test]
    async fn a_missing_program_is_a_problem_with_its_remedy() {
        let missing = tool("missing", Program::Missing).await;
        assert_eq!(missing.version, None);
        assert!(missing.problem.is_some_and(|why| why.contains("install")));
    }
}
