//! Images within the limits of an answer; where they are not, ways to ask that are, each tried.

use rmcp::model::CallToolResult;
use rushes::answer::{BurstRequest, FrameRequest, SheetRequest, Width};
use rushes::{Result, Rushes};

use super::pictures::{LIMITS, bytes, of_frames, of_sheet, too_heavy, too_many};

/// Images of a burst that does not say how many it wants.
const USUAL: usize = 8;

/// The narrowest cell of a sheet that can be asked for, pixels.
const NARROWEST: u32 = 64;

/// One frame.
pub(super) async fn frame(engine: &Rushes, request: &FrameRequest) -> Result<CallToolResult> {
    let frames = [engine.frame(request).await?];
    if LIMITS.hold(&bytes(&frames)) {
        return Ok(of_frames(&frames));
    }
    let mut ways = Vec::new();
    for (width, way) in WIDTHS {
        let smaller = engine.frame(&FrameRequest { width, ..request.clone() }).await?;
        if ways.is_empty() && LIMITS.hold(&[&smaller.image]) {
            ways.push(way.to_owned());
        }
    }
    Err(too_heavy(&bytes(&frames), &ways))
}

const WIDTHS: [(Width, &str); 2] =
    [(Width::Detail, "width=detail"), (Width::Overview, "width=overview")];

/// Native frames of a window.
pub(super) async fn burst(engine: &Rushes, request: &BurstRequest) -> Result<CallToolResult> {
    let count = request.count.unwrap_or(USUAL);
    if count > LIMITS.images && !request.dry_run {
        let most = BurstRequest { count: Some(LIMITS.images), ..request.clone() };
        return Err(too_many(count, &smaller_bursts(engine, &most).await?));
    }
    let frames = engine.burst(request).await?;
    if request.dry_run || LIMITS.hold(&bytes(&frames)) {
        return Ok(of_frames(&frames));
    }
    let fewer = BurstRequest { count: Some(frames.len()), ..request.clone() };
    Err(too_heavy(&bytes(&frames), &smaller_bursts(engine, &fewer).await?))
}

/// As many frames of a burst as fit at its width; and if these are fewer, the whole of it narrower.
async fn smaller_bursts(engine: &Rushes, request: &BurstRequest) -> Result<Vec<String>> {
    let most = request.count.unwrap_or(USUAL);
    let (mut count, mut ways) = (most, Vec::new());
    while count > 0 {
        let frames = engine.burst(&BurstRequest { count: Some(count), ..request.clone() }).await?;
        if LIMITS.hold(&bytes(&frames)) {
            ways.push(format!("count={count}"));
            break;
        }
        count = LIMITS.share(frames.len(), &bytes(&frames)).min(count - 1);
    }
    if count < most {
        let overview = BurstRequest { width: Width::Overview, ..request.clone() };
        if LIMITS.hold(&bytes(&engine.burst(&overview).await?)) {
            ways.push(format!("width=overview and count={most}"));
        }
    }
    Ok(ways)
}

/// One image of a window's frames.
pub(super) async fn sheet(engine: &Rushes, request: &SheetRequest) -> Result<CallToolResult> {
    let sheet = engine.sheet(request).await?;
    if LIMITS.hold(&[&sheet.image]) {
        return Ok(of_sheet(&sheet));
    }
    let columns = request.columns.unwrap_or(3).max(1);
    let mut cell = request.cell.unwrap_or(sheet.width / columns);
    let mut ways = Vec::new();
    while ways.is_empty() && cell > NARROWEST {
        cell = (cell / 2).max(NARROWEST);
        let smaller = engine.sheet(&SheetRequest { cell: Some(cell), ..request.clone() }).await?;
        if LIMITS.hold(&[&smaller.image]) {
            ways.push(format!("cell={cell}"));
        }
    }
    Err(too_heavy(&[&sheet.image], &ways))
}
