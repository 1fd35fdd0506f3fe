//! `/v1/sql`: the database asked in its own words, where the owner has allowed that.

use axum::extract::State;
use axum::http::StatusCode;
use rushes::sql::{Advice, Freshness, SqlAnswer, SqlRequest};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::app::App;
use super::asking::{Json, Query};
use super::problem::Problem;
use crate::sql::{self, Bounds};

/// Rows in an answer.
const ROWS: Bounds = Bounds { usual: 1000, most: 100_000 };

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(ask)).routes(routes!(advise))
}

/// A statement that reads.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// One statement: SELECT, VALUES or WITH … SELECT.
    sql: String,
    /// What its placeholders stand for: a list for `?`, an object for `:name`.
    #[serde(default)]
    params: serde_json::Value,
    /// `strict` (every acknowledged write is seen; the default) or `near` (those of other processes
    /// within the `staleness` setting).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    freshness: Freshness,
    /// Whether the cache may answer; yes when not given.
    cache: Option<bool>,
    /// The most rows, 1 to 100,000; 1,000 when not given. More are an error.
    rows: Option<usize>,
}

/// Answers a statement that reads. Off unless the setting `sql_http` is true.
#[utoipa::path(post, path = "/v1/sql", tag = "sql", request_body = Asked,
    responses((status = 200, body = serde_json::Value), (status = 400, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem)))]
async fn ask(
    State(app): State<App>,
    Json(asked): Json<Asked>,
) -> Result<Answer<SqlAnswer>, Problem> {
    check_allowed(&app)?;
    let request = SqlRequest {
        freshness: asked.freshness,
        cache: asked.cache.unwrap_or(true),
        ..sql::request(asked.sql, &asked.params, asked.rows, ROWS)?
    };
    let answer = app.engine.query(&request).await?;
    Ok(Answer::of(answer, |answer| &mut answer.served))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Look {
    /// Statements that are looked into, 1 to 50; 5 when not given.
    limit: Option<usize>,
}

/// Which indexes would help the statements that took most time, tried out in a scratch copy. Off
/// unless the setting `sql_http` is true.
#[utoipa::path(get, path = "/v1/sql/advice", tag = "sql", params(Look),
    responses((status = 200, body = serde_json::Value), (status = 400, body = Problem),
        (status = 403, body = Problem)))]
async fn advise(
    State(app): State<App>,
    Query(look): Query<Look>,
) -> Result<axum::Json<Vec<Advice>>, Problem> {
    check_allowed(&app)?;
    Ok(axum::Json(app.engine.advise(look.limit.unwrap_or(5)).await?))
}

fn check_allowed(app: &App) -> Result<(), Problem> {
    if app.engine.settings().sql_http {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", sql::OFF))
}
