//! `rushes cache`: figures, keys, dropping and warming.

use clap::{Args, Subcommand};
use rushes::control::{Drops, Warm};
use rushes::{Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::Value;

use super::globals::Globals;
use super::output::Output;
use super::remote::{self, escaped};
use super::stats::lines;

/// Look into the cache, drop from it, warm it
///
/// A running server's memory is out of reach of other processes: name the server with --server.
/// Without it, this acts on the disk cache of the library (see --disk) and on a memory that ends
/// with the command; a disk cache that a server uses is that server's alone.
#[derive(Debug, Args)]
pub(crate) struct Cache {
    /// The running server to ask, as http://127.0.0.1:7878
    #[arg(long, value_name = "URL", global = true)]
    server: Option<String>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Figures by tier and namespace
    Stats,
    /// What is cached for a key; nothing is loaded
    Get {
        /// NAMESPACE:ID
        key: String,
    },
    /// Drop a key, a tag, what a wildcard matches, a namespace, or everything
    Invalidate(Invalidate),
    /// Read the entries of videos into memory (none named: of the newest ones)
    Warm {
        /// Ids or names
        videos: Vec<String>,
        /// End after so long
        #[arg(long, default_value_t = 30.0, value_name = "SECONDS")]
        seconds: f64,
    },
    /// The keys that are hit most
    Top {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
        limit: usize,
    },
    /// What other sizes of memory would give
    Curve,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Invalidate {
    /// One key
    #[arg(long, value_name = "NAMESPACE:ID")]
    key: Option<String>,
    /// All that carries a tag, as video/ID/entries/caption
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// All keys that a wildcard matches (`*` any run, `?` one character)
    #[arg(long, value_name = "NAMESPACE:ID")]
    pattern: Option<String>,
    /// A namespace
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
}

impl Cache {
    pub(super) async fn run(self, globals: &Globals, out: &Output) -> Result<()> {
        let answer = match self.server {
            Some(server) => {
                let (path, body) = self.what.request()?;
                remote::asked(&server, &format!("/v1/cache{path}"), body).await?
            }
            None => self.what.done(globals).await?,
        };
        out.answer(&answer, |answer| match answer {
            Value::Array(rows) => rows.iter().map(|row| lines(row, 0)).collect(),
            other => lines(other, 0),
        })
    }
}

impl What {
    /// Acts on the library itself.
    async fn done(&self, globals: &Globals) -> Result<Value> {
        let engine = globals.open().await?;
        let answer = match self {
            Self::Stats => Ok(engine.cache_figures()),
            Self::Get { key } => value(&engine.cached_value(key).await?),
            Self::Invalidate(what) => value(&engine.drop_cached(&what.drops()).await?),
            Self::Warm { videos, seconds } => {
                value(&engine.warm_cache(&warm(videos, *seconds)).await?)
            }
            Self::Top { limit } => value(&engine.hot_keys(*limit)),
            Self::Curve => value(&engine.memory_curve()),
        }?;
        engine.close().await?;
        Ok(answer)
    }

    /// What a server is asked: the path, and the body of a POST.
    fn request(&self) -> Result<(String, Option<Value>)> {
        Ok(match self {
            Self::Stats => ("".into(), None),
            Self::Get { key } => (format!("/value?key={}", escaped(key)), None),
            Self::Invalidate(what) => ("/invalidate".into(), Some(value(&what.drops())?)),
            Self::Warm { videos, seconds } => {
                ("/warm".into(), Some(value(&warm(videos, *seconds))?))
            }
            Self::Top { limit } => (format!("/top?limit={limit}"), None),
            Self::Curve => ("/curve".into(), None),
        })
    }
}

impl Invalidate {
    fn drops(&self) -> Drops {
        Drops {
            key: self.key.clone(),
            tag: self.tag.clone(),
            pattern: self.pattern.clone(),
            namespace: self.namespace.clone(),
            all: self.all,
        }
    }
}

fn warm(videos: &[String], seconds: f64) -> Warm {
    Warm { videos: videos.to_vec(), seconds: Some(seconds) }
}

fn value(answer: &impl Serialize) -> Result<Value> {
    serde_json::to_value(answer)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot write JSON: {error}")))
}
