//! What models produced, in the formats they produce it in; all yield entries.
//!
//! ```text
//! source -> sniff -> plan -> one parser a format -> batches -> the store's run
//! ```
//! A parser is an iterator over a text of any size: it yields an entry, or says which record is
//! wrong and goes on. It runs on a thread of its own while the batch before is being written, and
//! nothing is visible until the last is.

mod batches;
mod classes;
mod coco;
mod context;
mod cue;
mod fault;
#[cfg(fuzzing)]
pub mod fuzzing;
mod json;
mod jsonl;
mod lines;
mod markup;
mod mot;
mod options;
mod outline;
mod plan;
mod record;
mod rolling;
mod sidecars;
mod sniff;
mod source;
mod srt;
mod webvtt;
mod whisper;
mod words;
mod yolo;

#[cfg(test)]
mod tests;

pub use options::{Format, ImportOptions, Imported, Rejected};
pub use sidecars::sidecars;

pub(crate) use plan::Target;
pub(crate) use source::Source;

use rushes_store::{ChangeSet, Older, Store};

use crate::error::{Error, Kind, Result};
use plan::Plan;

/// Writes the entries of a source into the store, all of them in one commit or none. The caller
/// holds the video's write lock and applies the change set to the cache.
///
/// # Errors
/// [`Kind::Unsupported`] when the source cannot be read, holds nothing good, or (`strict`) has one
/// bad record; then nothing is written.
pub(crate) async fn import(
    store: &dyn Store,
    target: Target,
    source: Source,
    options: ImportOptions,
) -> Result<(Imported, ChangeSet)> {
    let (strict, add, replace) = (options.strict, options.add, options.replace);
    let video = target.video.id.clone();
    let plan = on_thread(move || Plan::of(&target, &source, &options)).await?;
    let of_source = plan.of_source;
    let run = store.run_open(&video, &plan.recipe, false).await?.id;
    let tally = match batches::fill(store, run, plan, strict).await {
        Ok(tally) => tally,
        Err(error) => {
            store.run_abort(run).await?;
            return Err(error);
        }
    };
    let kinds: Vec<_> = tally.kinds.iter().cloned().collect();
    let older = match (replace, add) {
        (true, _) => Older::Replace,
        (false, false) if of_source => Older::Own,
        (false, _) => Older::Keep,
    };
    let finished = store.run_finish(run, &kinds, older).await?;
    let imported = Imported {
        video: video.to_string(),
        unchanged: tally.unchanged(),
        added: tally.added,
        removed: finished.removed,
        rejected: tally.rejected,
        rejections: tally.rejections,
        token: finished.change.seq.to_string(),
    };
    Ok((imported, finished.change))
}

/// Reads all of a source and writes nothing; the first bad record is an error.
pub(crate) async fn check(target: Target, source: Source, options: ImportOptions) -> Result<()> {
    on_thread(move || batches::check(Plan::of(&target, &source, &options)?)).await
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::caused(Kind::Internal, "reading the file was interrupted", error))?
}
