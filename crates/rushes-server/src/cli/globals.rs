//! Flags of every command: the settings, one flag each, and how answers are printed.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use rushes::config::{SETTINGS, Setting, Settings};
use rushes::{Result, Rushes};

/// The setting that has a flag of its own, since every command needs it.
const LIBRARY: &str = "library";

/// Where a command's help lists these flags: after its own.
const EVERYWHERE: &str = "For every command";

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Globals {
    /// The library's folder [env: RUSHES_LIBRARY] [default: rushes in the user's data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub(crate) library: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Log more on standard error (twice: much more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    pub(crate) verbose: u8,
    /// The file of settings [env: RUSHES_CONFIG] [default: rushes.toml here or in the user's
    /// configuration folder]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true, help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Answer as after the write that answered this token, whoever made it
    #[arg(long, global = true, value_name = "TOKEN", hide_short_help = true, help_heading = EVERYWHERE)]
    token: Option<String>,
    #[command(flatten)]
    others: SettingFlags,
}

impl Globals {
    /// The settings: these flags over the environment, over the file, over the defaults.
    pub(crate) fn settings(&self) -> Result<Settings> {
        self.settings_with(&[])
    }

    /// The same, with these over all.
    pub(crate) fn settings_with(&self, over: &[(&str, String)]) -> Result<Settings> {
        let library = self.library.iter().map(|path| (LIBRARY, path.display().to_string()));
        let given = self.others.0.iter().cloned();
        let flags: Vec<_> = library.chain(given).chain(over.iter().cloned()).collect();
        Settings::load(self.config.as_deref(), &flags)
    }

    /// Opens the library, which has to be there.
    pub(crate) async fn open(&self) -> Result<Rushes> {
        self.after_token(Rushes::open_existing(self.settings()?).await?).await
    }

    /// Opens the library, making it if it is not there.
    pub(crate) async fn open_or_make(&self) -> Result<Rushes> {
        self.after_token(Rushes::open(self.settings()?).await?).await
    }

    async fn after_token(&self, engine: Rushes) -> Result<Rushes> {
        if let Some(token) = &self.token {
            engine.after(token).await?;
        }
        Ok(engine)
    }
}

/// The other settings as flags, made from the engine's one list of them.
#[derive(Clone, Debug, Default)]
struct SettingFlags(Vec<(&'static str, String)>);

fn others() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.key != LIBRARY)
}

/// The settings as `rushes --help` lists them.
pub(crate) fn listed() -> String {
    let listed = others().map(|setting| {
        let flag = setting.key.replace('_', "-");
        let meaning = setting.meaning;
        format!("      --{flag} <VALUE>\n          {meaning} [default: {}]\n", setting.default)
    });
    format!(
        "Settings, for every command (docs/configuration.md; also in the environment or a file):\n{}",
        listed.collect::<String>()
    )
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        others().fold(command, |command, setting| {
            let flag = Arg::new(setting.key).long(setting.key.replace('_', "-")).global(true);
            // Every command takes them; `rushes --help` lists them once.
            command.arg(flag.value_name("VALUE").hide(true))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let given = |setting: &'static Setting| {
            matches.get_one::<String>(setting.key).map(|text| (setting.key, text.clone()))
        };
        Ok(Self(others().filter_map(given).collect()))
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
