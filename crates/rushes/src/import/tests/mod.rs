//! The shapes that each format comes in, in small, in real files, and damaged.

mod damage;
mod library;
mod objects;
mod real_files;
mod records;
mod shared;
mod sniffing;
mod subtitles;
mod transcripts;
