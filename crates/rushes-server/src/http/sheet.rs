//! `/v1/videos/{id}/sheet`: the frames of a window in one image.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use rushes::answer::{ImageFormat, Labels, Sheet, SheetRequest};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{self, Answer, set};
use super::app::App;
use super::asking::{Path, Query};
use super::payload::{self, Keep, Label};
use super::problem::Problem;
use crate::facts::SheetFacts;
use crate::words::{self, Seconds};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sheet))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Layout {
    /// From this time: seconds or `H:MM:SS.mmm`; the beginning when not given.
    #[param(value_type = Option<String>)]
    from: Option<Seconds>,
    /// To this time; the end when not given.
    #[param(value_type = Option<String>)]
    to: Option<Seconds>,
    /// Columns, 1 to 8; 3 when not given.
    columns: Option<u32>,
    /// Rows, 1 to 8; 3 when not given.
    rows: Option<u32>,
    /// Width of a cell in pixels, 64 to 1024; 448 when not given.
    cell: Option<u32>,
    /// Where each cell says its time.
    #[serde(default)]
    #[param(inline)]
    labels: Labels,
    /// JPEG when not given.
    #[param(inline)]
    format: Option<ImageFormat>,
    /// Allow more than 16 cells.
    #[serde(default)]
    force: bool,
    /// State size, cells and cost as JSON, send no image.
    #[serde(default)]
    dry_run: bool,
}

/// One image of the frames of a window, each with its time. `Rushes-Cells` lists number and
/// seconds of each cell; `dry_run=true` answers with all facts and the text for a model.
#[utoipa::path(get, path = "/v1/videos/{id}/sheet", tag = "images",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Layout),
    responses((status = 200, content_type = "image/jpeg", body = super::openapi::Binary),
        (status = 206), (status = 304), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 413, body = Problem), (status = 416)))]
async fn sheet(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(layout): Query<Layout>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let dry_run = layout.dry_run;
    let request = SheetRequest {
        video: id,
        from: words::seconds(layout.from),
        to: words::seconds(layout.to),
        columns: layout.columns,
        rows: layout.rows,
        cell: layout.cell,
        labels: layout.labels,
        format: layout.format,
        force: layout.force,
        dry_run,
    };
    let sheet = app.engine.sheet(&request).await?;
    Ok(image(&sheet, dry_run, &headers))
}

fn image(sheet: &Sheet, dry_run: bool, asked: &HeaderMap) -> Response {
    let mut response = if dry_run {
        Answer::of(SheetFacts::from(sheet), |facts| &mut facts.served).into_response()
    } else {
        let label = Label { media_type: sheet.media_type, hash: &sheet.etag, keep: Keep::Ask };
        payload::of_bytes(&sheet.image, &label, asked)
    };
    let headers = response.headers_mut();
    answer::served(headers, &sheet.served);
    let cells: Vec<String> =
        sheet.cells.iter().map(|cell| format!("{}={:.3}", cell.n, cell.at)).collect();
    set(headers, HeaderName::from_static("rushes-cells"), &cells.join(" "));
    let tokens = serde_json::to_string(&sheet.tokens).unwrap_or_default();
    set(headers, answer::TOKENS, &tokens);
    response
}
