//! What the installed ffmpeg can do.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use super::child::{Child, Program};
use super::described::ProgramVersion;
use super::input::words;
use super::limits::Limits;
use crate::error::Result;

/// Most bytes of `ffmpeg -version` that are read.
const MOST: usize = 64 << 10;

/// What the installed ffmpeg said, once in the life of the process.
static BUILD: OnceCell<Build> = OnceCell::const_new();

/// The installed ffmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Build {
    /// Major and minor version; what is built from the development branch counts as newest.
    pub(crate) version: (u32, u32),
    /// Has the filter that tone mapping needs.
    pub(crate) zscale: bool,
    /// Can encode H.264.
    pub(crate) x264: bool,
    /// Can encode WebP.
    pub(crate) webp: bool,
}

impl Build {
    /// Asks the installed ffmpeg, once in the life of the process.
    pub(crate) async fn installed() -> Result<Self> {
        BUILD.get_or_try_init(Self::ask).await.copied()
    }

    /// The same by what ffprobe said of itself, which saves a child: two programs of one folder
    /// are of one build.
    pub(super) async fn beside(ffprobe: &ProgramVersion) -> Result<Self> {
        let told = async {
            let path = std::env::var_os("PATH").unwrap_or_default();
            match folder_of("ffmpeg", &path) {
                Some(folder) if Some(&folder) == folder_of("ffprobe", &path).as_ref() => {
                    Ok(Self::of(&ffprobe.version, &ffprobe.configuration))
                }
                _ => Self::ask().await,
            }
        };
        BUILD.get_or_try_init(|| told).await.copied()
    }

    async fn ask() -> Result<Self> {
        let words = words(["-hide_banner", "-version"]);
        let limits = Limits::default();
        let mut child = Child::start(Program::Ffmpeg, words, Path::new("ffmpeg"), &limits).await?;
        let text = child.all(MOST).await?;
        child.finish().await?;
        Ok(Self::parse(&String::from_utf8_lossy(&text)))
    }

    pub(super) fn parse(text: &str) -> Self {
        let version = text.strip_prefix("ffmpeg version ").and_then(|rest| rest.split(' ').next());
        Self::of(version.unwrap_or_default(), text)
    }

    fn of(version: &str, configuration: &str) -> Self {
        let has = |flag: &str| configuration.contains(flag);
        Self {
            version: numbers(version).unwrap_or((u32::MAX, 0)),
            zscale: has("--enable-libzimg"),
            x264: has("--enable-libx264"),
            webp: has("--enable-libwebp"),
        }
    }

    /// The option that lets each frame through once with its own time: `-vsync` until 5.0, gone
    /// since 9.
    pub(crate) fn passthrough(&self) -> [&'static str; 2] {
        if self.version < (5, 1) { ["-vsync", "passthrough"] } else { ["-fps_mode", "passthrough"] }
    }

    /// The option that reads video filters from a file; changed in 7.0.
    pub(crate) fn filters_from_file(&self) -> &'static str {
        if self.version < (7, 0) { "-filter_script:v" } else { "-/filter:v" }
    }
}

/// The first folder of a search path that holds the program.
fn folder_of(program: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).find(|folder| folder.join(program).is_file())
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('n').split(['.', '-', '+']);
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::described::Described;

    #[test]
    fn each_major_version_gets_the_option_that_it_knows() {
        let option = |version: &str| {
            Build::parse(&format!("ffmpeg version {version} Copyright (c)")).passthrough()[0]
        };
        assert_eq!(option("4.4.2-0ubuntu0.22.04.1"), "-vsync");
        assert_eq!(option("5.0"), "-vsync");
        assert_eq!(option("5.1.9-0+deb12u1"), "-fps_mode");
        assert_eq!(option("n7.1"), "-fps_mode");
        assert_eq!(option("9.0"), "-fps_mode");
        assert_eq!(option("N-118193-g5f38c82536"), "-fps_mode");
        assert_eq!(option("git-2024-01-01-abcdef"), "-fps_mode");
    }

    #[test]
    fn the_first_folder_that_holds_a_program_is_its_own() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(one.path().join("ffprobe"), "").unwrap();
        for folder in [&one, &two] {
            std::fs::write(folder.path().join("ffmpeg"), "").unwrap();
        }
        let path = std::env::join_paths([Path::new("/nowhere"), two.path(), one.path()]).unwrap();
        assert_eq!(folder_of("ffmpeg", &path).as_deref(), Some(two.path()));
        assert_eq!(folder_of("ffprobe", &path).as_deref(), Some(one.path()));
        assert_eq!(folder_of("ffplay", &path), None);
    }

    #[tokio::test]
    async fn ffprobe_describes_the_build_as_ffmpeg_does() {
        let words = words(["-v", "error", "-of", "json", "-show_program_version"]);
        let (path, limits) = (Path::new("ffprobe"), Limits::default());
        let mut child = Child::start(Program::Ffprobe, words, path, &limits).await.unwrap();
        let text = child.all(MOST).await.unwrap();
        let described: Described = serde_json::from_slice(&text).unwrap();
        let told = described.program_version;
        assert_eq!(Build::of(&told.version, &told.configuration), Build::ask().await.unwrap());
    }

    #[test]
    fn features_are_read_from_the_configuration() {
        let build = Build::parse("ffmpeg version 6.1 C\nconfiguration: --enable-libzimg");
        assert!(build.zscale && !build.x264 && !build.webp);
    }
}
