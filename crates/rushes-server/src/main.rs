//! The command `rushes`: one binary, four faces of the same engine.
//!
//! [`cli`] is what people type, [`http`] what programs and the page call, [`mcp`] what agents
//! call, [`dashboard`] the page itself. All four translate a request into a call of
//! [`rushes::Rushes`] and its answer into their own words; none of them decides anything. What
//! they share is small: how times and words are written ([`words`]), what is told of a picture
//! ([`facts`]), how SQL is bounded ([`sql`]), and what becomes of a failure ([`fate`]).

mod cli;
mod dashboard;
mod facts;
mod fate;
mod http;
mod mcp;
mod sql;
mod telemetry;
mod words;
mod written;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return cli::exit::of_words(&answer),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cli::exit::refuse_to_start(&error),
    };
    let code = runtime.block_on(cli::run(cli));
    // A read of standard input cannot be cancelled; waiting for it would hang the exit.
    runtime.shutdown_background();
    code
}
