//! `/v1/videos/{id}/memory`: the conversation about a video.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rushes::Messages;
use rushes::store::{Message, Role};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::app::App;
use super::asking::{Json, Path, Query};
use super::problem::Problem;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(messages, append))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Messages on a page, 1 to 1000; 100 when not given.
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Messages about a video, oldest first.
#[utoipa::path(get, path = "/v1/videos/{id}/memory", tag = "memory",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Page),
    responses((status = 200, body = Messages), (status = 400, body = Problem),
        (status = 404, body = Problem)))]
async fn messages(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<Answer<Messages>, Problem> {
    let limit = page.limit.unwrap_or(100);
    let messages = app.engine.messages(&id, limit, page.cursor.as_deref()).await?;
    Ok(Answer::of(messages, |messages| &mut messages.served))
}

/// What was said, and by whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Said {
    /// Who spoke.
    role: Role,
    /// What was said; not empty.
    content: String,
}

/// Appends a message to the conversation about a video.
#[utoipa::path(post, path = "/v1/videos/{id}/memory", tag = "memory",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name")),
    request_body = Said,
    responses((status = 201, body = Message), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 413, body = Problem)))]
async fn append(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(said): Json<Said>,
) -> Result<Response, Problem> {
    let message = app.engine.append(&id, said.role, &said.content).await?;
    Ok((StatusCode::CREATED, axum::Json(message)).into_response())
}
