//! `rushes prefetch`: what a running server reads ahead, and why.

use clap::{Args, Subcommand};
use rushes::Result;
use serde_json::Value;

use super::output::Output;
use super::remote::{self, escaped};
use super::stats::lines;
use crate::words::Seconds;

/// What a running server reads before it is asked for, and why
///
/// Sessions are known to the process that they ask: this asks a running server.
#[derive(Debug, Args)]
pub(crate) struct Prefetch {
    /// The running server
    #[arg(long, value_name = "URL", global = true, default_value = "http://127.0.0.1:7878")]
    server: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How much is read ahead, and how much of it is used
    Stats,
    /// Why the entries of a kind at a moment were read ahead, or were not
    Explain {
        /// The video
        video: String,
        /// The kind
        #[arg(long)]
        kind: String,
        /// The moment
        #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
        at: Seconds,
    },
}

impl Prefetch {
    pub(super) async fn run(self, out: &Output) -> Result<()> {
        match &self.what {
            What::Stats => {
                let stats = remote::get(&self.server, "/v1/stats").await?;
                let figures = stats.get("prefetch").cloned().unwrap_or_default();
                out.answer(&figures, |figures| lines(figures, 0))
            }
            What::Explain { video, kind, at } => {
                let (video, kind) = (escaped(video), escaped(kind));
                let path = format!("/v1/prefetch/explain?video={video}&kind={kind}&at={}", at.0);
                out.answer(&remote::get(&self.server, &path).await?, human)
            }
        }
    }
}

/// The reason, then each order and each session in a line.
fn human(explanation: &Value) -> String {
    let mut text = format!("{}\n", explanation["why"].as_str().unwrap_or_default());
    for order in rows(explanation, "orders") {
        let bytes = order["bytes"].as_u64().unwrap_or_default();
        text += &format!(
            "  {:.1} s ago {} to {} s: {}, {bytes} bytes\n",
            number(order, "seconds_ago"),
            order["from"],
            order["to"],
            order["outcome"].as_str().unwrap_or_default(),
        );
    }
    for session in rows(explanation, "sessions") {
        text += &format!(
            "  session {:x}: expected with {:.2}, by its last {} moves, seen {} times\n",
            session["session"].as_u64().unwrap_or_default(),
            number(session, "confidence"),
            session["moves"],
            session["seen"],
        );
    }
    text
}

fn rows<'a>(explanation: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    explanation[name].as_array().into_iter().flatten()
}

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or_default()
}
