//! `rushes search`: moments by what was said or seen.

use clap::Args;
use rushes::Result;
use rushes::answer::{SearchRequest, SearchResults};

use super::asking::{KindArgs, WindowArgs};
use super::globals::Globals;
use super::output::Output;
use super::table::Table;
use crate::words::begins;

/// Find moments by words or by the class of an object
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words to find; not a query language
    words: Vec<String>,
    /// The class of a detected object, as person
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
    /// Only in this video; may be repeated
    #[arg(long = "video", value_name = "VIDEO")]
    videos: Vec<String>,
    #[command(flatten)]
    kinds: KindArgs,
    #[command(flatten)]
    window: WindowArgs,
    /// Results, 1 to 100 [default: 20]
    #[arg(long)]
    limit: Option<usize>,
    /// Results to pass over
    #[arg(long)]
    offset: Option<usize>,
}

impl Search {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let request = SearchRequest {
            text: (!self.words.is_empty()).then(|| self.words.join(" ")),
            label: self.label,
            videos: self.videos,
            kinds: self.kinds.kinds,
            from: self.window.from(),
            to: self.window.to(),
            limit: self.limit,
            offset: self.offset,
        };
        let asked = match (&request.text, request.kinds.len()) {
            (Some(_), 0) => SPOKEN_OR_SEEN,
            (None, 0) => 1,
            (_, kinds) => kinds,
        };
        let found = globals.open().await?.search(&request).await?;
        out.answer(&found, |found| human(found, asked))
    }
}

/// How many kinds words are expected in when none is named: captions and transcripts.
const SPOKEN_OR_SEEN: usize = 2;

/// What was found among so many kinds.
fn human(results: &SearchResults, asked: usize) -> String {
    let mut table = Table::new(&["TIME", "KIND", "VIDEO", "REFERENCE", "WHAT"]);
    for found in &results.items {
        table.row([
            begins(found.start, found.end),
            found.kind.clone(),
            found.name.clone(),
            found.reference.clone(),
            found.snippet.clone(),
        ]);
    }
    let mut text = table.text();
    if table.is_empty() && results.never_computed.len() < asked {
        text += "none found\n";
    }
    for kind in &results.never_computed {
        text += &format!("{kind}: never computed for any of these videos\n");
    }
    if results.more {
        text += "more: --offset\n";
    }
    text
}
