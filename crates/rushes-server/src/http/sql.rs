//! `/v1/sql`: the database asked in its own words, where the owner has allowed that.

use axum::extract::State;
use axum::http::StatusCode;
use rushes::sql::{Advice, Freshness, SqlAnswer, SqlParams, SqlRequest};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::app::App;
use super::asking::{Json, Query};
use super::problem::Problem;

/// Rows in an answer when the caller does not say, and at most.
const ROWS: (usize, usize) = (1000, 100_000);

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
    let params = SqlParams::from_json(&asked.params).map_err(rushes::Error::from)?;
    let rows = asked.rows.unwrap_or(ROWS.0);
    if !(1..=ROWS.1).contains(&rows) {
        let detail = format!("rows must be 1 to {}, not {rows}", ROWS.1);
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid", detail));
    }
    let request = SqlRequest {
        freshness: asked.freshness,
        cache: asked.cache.unwrap_or(true),
        rows: Some(rows),
        ..SqlRequest::new(asked.sql, params)
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
    let detail = "SQL over HTTP is off: it shows every row of the database to whoever reaches this \
                  port. Start the server with --sql-http true to allow it";
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
}
