//! Logs: to standard error, since standard output carries answers and protocols.

use tracing_subscriber::EnvFilter;

/// The variable that sets what is logged, as `info` or `rushes=debug,warn`.
const LEVEL: &str = "RUSHES_LOG";

/// Starts logging. `RUSHES_LOG` decides, else `LOG_LEVEL`, else the number of `-v`.
///
/// What is logged are routes, kinds, counts and times; never bodies, headers or query strings,
/// which is where secrets travel.
pub(crate) fn init(verbose: u8) {
    let asked = std::env::var(LEVEL).or_else(|_| std::env::var("LOG_LEVEL"));
    let filter = match asked {
        Ok(level) if verbose == 0 => level.to_lowercase(),
        _ => by_verbosity(verbose).to_owned(),
    };
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new(by_verbosity(0)));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn by_verbosity(verbose: u8) -> &'static str {
    match verbose {
        0 => "warn",
        1 => "info",
        2 => "rushes=debug,rushes_cache=debug,rushes_store=debug,info",
        _ => "trace",
    }
}
