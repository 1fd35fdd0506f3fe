//! `rushes mcp`: tools for an agent, over standard input and output.

use std::process::ExitCode;

use clap::Args;
use rushes::Result;

use super::globals::Globals;
use crate::mcp;

/// Serve the tools of the Model Context Protocol over standard input and output
///
/// Standard output carries the protocol only; logs go to standard error.
#[derive(Debug, Args)]
pub(crate) struct Mcp {}

impl Mcp {
    pub(super) async fn run(self, globals: &Globals) -> Result<ExitCode> {
        let engine = globals.open_or_make().await?;
        engine.warm();
        mcp::over_stdio(engine.clone()).await?;
        engine.close().await?;
        Ok(ExitCode::SUCCESS)
    }
}
