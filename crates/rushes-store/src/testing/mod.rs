//! One conformance suite that every backend of [`Store`] must pass.
//!
//! Each check is a function named after what it guarantees and works in a library of its own. The
//! checks panic with the place and the values when a guarantee is broken. They need a Tokio
//! runtime with several threads.

#![allow(clippy::unwrap_used, reason = "a failed check is a panic")]

mod blobs;
mod changes;
pub(crate) mod fixture;
mod lifecycle;
mod messages;
mod pages;
#[cfg(feature = "postgres")]
mod postgres;
mod runs;
mod search;
mod videos;
mod windows;

use std::pin::Pin;
use std::sync::Arc;

use crate::store::Store;
#[cfg(feature = "postgres")]
pub use postgres::PostgresServer;

/// A store that is being opened.
pub type Opening = Pin<Box<dyn Future<Output = Arc<dyn Store>> + Send>>;

/// Opens the library of a name, making it if there is none: the same name again gives a second
/// handle to the same library, as another process would have it.
pub type Open<'a> = &'a (dyn Fn(&str) -> Opening + Send + Sync);

/// Checks everything that the documentation of [`Store`] promises.
pub async fn conformance(open: Open<'_>) {
    videos::are_found_by_id_prefix_and_name(open).await;
    videos::come_newest_first_in_stable_pages(open).await;
    videos::keep_their_content_and_names(open).await;
    videos::are_removed_with_all_that_is_theirs(open).await;
    blobs::are_given_back_when_nothing_refers_to_them(open).await;
    blobs::of_replaced_and_aborted_entries_are_given_back(open).await;
    runs::are_invisible_until_finished(open).await;
    runs::bring_a_new_video_together_with_its_entries(open).await;
    runs::resume_where_their_writer_died(open).await;
    runs::change_nothing_when_written_again(open).await;
    runs::replace_or_stand_beside(open).await;
    runs::take_the_place_of_their_own_recipes_entries(open).await;
    runs::are_listed_while_they_are_open(open).await;
    runs::tell_none_found_from_never_computed(open).await;
    runs::refuse_what_cannot_be_stored(open).await;
    runs::never_give_an_id_twice(open).await;
    lifecycle::follows_a_simple_model(open).await;
    windows::agree_with_a_naive_filter(open).await;
    windows::hold_what_their_definition_says(open).await;
    pages::stay_stable_while_entries_come(open).await;
    pages::find_the_last_entry_before_a_moment(open).await;
    search::ranks_and_marks_words(open).await;
    search::takes_any_text_as_words(open).await;
    search::narrows_by_video_kind_window_and_class(open).await;
    search::finds_objects_by_class(open).await;
    search::forgets_what_was_removed(open).await;
    messages::come_in_order_and_pages(open).await;
    changes::are_told_to_other_handles(open).await;
    changes::cover_what_was_touched(open).await;
    changes::number_concurrent_commits(open).await;
}
