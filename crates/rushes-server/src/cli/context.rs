//! `rushes context`: everything known around a moment, within a budget of tokens.

use clap::Args;
use rushes::Result;
use rushes::answer::{Context, ContextRequest, Tokenizer};

use super::asking::{KindArgs, WindowArgs};
use super::globals::Globals;
use super::output::Output;
use crate::words::{self, Seconds};

/// Tell everything known around a moment or window, packed into a token budget
#[derive(Debug, Args)]
pub(crate) struct ContextOf {
    /// The video
    video: String,
    /// The moment; what is nearest to it comes first into the budget
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    at: Option<Seconds>,
    #[command(flatten)]
    window: WindowArgs,
    #[command(flatten)]
    kinds: KindArgs,
    /// The budget in tokens [default: 2000]
    #[arg(long, value_name = "TOKENS")]
    budget: Option<usize>,
    /// How tokens are counted: o200k_base or cl100k_base
    #[arg(long, value_parser = words::choice::<Tokenizer>)]
    tokenizer: Option<Tokenizer>,
}

impl ContextOf {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let request = ContextRequest {
            video: self.video,
            at: words::seconds(self.at),
            from: self.window.from(),
            to: self.window.to(),
            kinds: self.kinds.kinds,
            budget: self.budget,
            tokenizer: self.tokenizer.unwrap_or_default(),
        };
        let context = globals.open().await?.context(&request).await?;
        out.answer(&context, human)
    }
}

fn human(context: &Context) -> String {
    let mut text = format!("{}\n\n", context.text.trim_end());
    text += &format!("{} of {} tokens", context.tokens, context.budget);
    if context.left_out > 0 {
        text += &format!(", {} lines left out", context.left_out);
    }
    if !context.never_computed.is_empty() {
        text += &format!("; never computed: {}", context.never_computed.join(", "));
    }
    text
}
