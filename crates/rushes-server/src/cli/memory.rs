//! `rushes memory`: the conversation about a video.

use clap::{Args, Subcommand};
use rushes::store::Role;
use rushes::{Error, ErrorKind, Messages, Result};

use super::globals::Globals;
use super::ls::more;
use super::output::Output;
use crate::words;
use crate::written::Written;

/// Append to or list the conversation about a video
#[derive(Debug, Args)]
pub(crate) struct Memory {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Append a message
    Add {
        /// The video
        video: String,
        /// What was said; - reads standard input
        content: String,
        /// Who spoke: user, assistant, system or tool
        #[arg(long, default_value = "user", value_parser = words::choice::<Role>)]
        role: Role,
    },
    /// List the messages, oldest first
    List {
        /// The video
        video: String,
        /// Messages on a page, 1 to 1000
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Go on after an earlier page
        #[arg(long)]
        cursor: Option<String>,
    },
}

impl Memory {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let engine = globals.open().await?;
        match self.action {
            Action::Add { video, content, role } => {
                let message = engine.append(&video, role, &said(content).await?).await?;
                let message = Written::by(&engine, message).await?;
                out.answer(&message, |message| format!("message {}", message.done.id))
            }
            Action::List { video, limit, cursor } => {
                let messages = engine.messages(&video, limit, cursor.as_deref()).await?;
                out.answer(&messages, human)
            }
        }
    }
}

/// The longest message that is read from standard input, bytes; the engine may allow less.
const LONGEST: u64 = 16 << 20;

async fn said(content: String) -> Result<String> {
    if content != "-" {
        return Ok(content);
    }
    use tokio::io::AsyncReadExt;
    let mut text = String::new();
    let mut input = tokio::io::stdin().take(LONGEST);
    input.read_to_string(&mut text).await.map_err(|error| {
        Error::caused(ErrorKind::Invalid, format!("cannot read standard input: {error}"), error)
    })?;
    Ok(text)
}

fn human(messages: &Messages) -> String {
    let lines = messages.items.iter().map(|message| {
        let role = format!("{:?}", message.role).to_lowercase();
        format!("{role}: {}\n", message.content)
    });
    lines.collect::<String>() + &more(messages.next.as_deref())
}
