//! How the command ends: exit codes, and what is said of a failure.

use std::io::Write;
use std::process::ExitCode;

use rushes::{Error, ErrorKind, bounded};

use super::output::{Output, printable};
use crate::fate;

/// The table for `rushes --help`.
pub(crate) const CODES: &str = "\
Exit codes:
    0  done
    1  the library's files or database failed
    2  an argument is wrong, or the answer would be larger than allowed
    3  nothing has that name, no library is there, or it is gone
    4  the media or the format cannot be read; or several files of a batch failed differently
    5  somebody else is still writing the same video after --patience (10 s): try later
    6  a needed program is missing (see rushes doctor)
    7  stored data is damaged
  130  interrupted";

/// Ends with the code of the failure, after a line (or with `--json` an object) about it on
/// standard error. A reader that closed our output early wanted no more: that is no failure.
pub(crate) fn report(error: &Error, out: &Output) -> ExitCode {
    if Output::was_closed(error) {
        return ExitCode::SUCCESS;
    }
    let fate = fate::of(error.kind());
    let text = if out.json {
        let told = serde_json::json!({ "kind": fate.name, "message": error.to_string() });
        serde_json::json!({ "error": told }).to_string()
    } else {
        format!("rushes: {}", printable(&error.to_string()))
    };
    // Nobody is left to tell when standard error is closed too.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(fate.exit)
}

/// Ends after words that were no command: help and versions are answers, all else is refused like
/// any wrong argument.
pub(crate) fn of_words(answer: &clap::Error) -> ExitCode {
    let code = ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
    let text = answer.to_string();
    let told = bounded(&text);
    let as_json = std::env::args_os().any(|word| word == "--json");
    // Nobody is left to tell when the output is closed.
    let _ = match (answer.use_stderr(), as_json) {
        (true, true) => {
            let why = told.trim_start_matches("error: ").trim_end();
            let told = serde_json::json!({ "kind": "invalid", "message": why });
            writeln!(std::io::stderr(), "{}", serde_json::json!({ "error": told }))
        }
        (true, false) if told.len() < text.len() => writeln!(std::io::stderr(), "{told}"),
        _ => answer.print(),
    };
    code
}

/// The code of a batch: that of its failures when they are alike, else the one for unreadable.
pub(crate) fn of_batch(failures: &[ErrorKind]) -> ExitCode {
    let mut codes: Vec<u8> = failures.iter().map(|kind| fate::of(*kind).exit).collect();
    codes.dedup();
    match codes.as_slice() {
        [] => ExitCode::SUCCESS,
        [code] => ExitCode::from(*code),
        _ => ExitCode::from(fate::of(ErrorKind::Unsupported).exit),
    }
}

/// The system did not give what every command needs.
pub(crate) fn refuse_to_start(error: &std::io::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "rushes: cannot start its threads: {error}");
    ExitCode::from(fate::of(ErrorKind::Internal).exit)
}
