//! `/v1/videos/{id}/context`: everything known around a moment, within a token budget.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use rushes::answer::{Context, ContextRequest, Tokenizer};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{self, Answer};
use super::app::App;
use super::asking::{self, Path, Query};
use super::problem::Problem;
use crate::words::{self, Seconds};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(context))
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// The lines and what is true of them.
    #[default]
    Json,
    /// The text for the model alone.
    Text,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Around {
    /// The moment: seconds or `H:MM:SS.mmm`. What is nearest comes first into the budget.
    #[param(value_type = Option<String>)]
    at: Option<Seconds>,
    /// From this time; with `at` alone, 30 seconds before it.
    #[param(value_type = Option<String>)]
    from: Option<Seconds>,
    /// To this time; with `at` alone, 30 seconds after it.
    #[param(value_type = Option<String>)]
    to: Option<Seconds>,
    /// Kinds, with commas; all when not given.
    #[serde(default, deserialize_with = "asking::list")]
    #[param(value_type = Option<String>)]
    kind: Vec<String>,
    /// The budget in tokens; 2000 when not given.
    budget: Option<usize>,
    /// How tokens are counted.
    #[serde(default)]
    #[param(inline)]
    tokenizer: Tokenizer,
    /// JSON, or the text alone.
    #[serde(default)]
    #[param(inline)]
    form: Form,
}

/// Everything known around a moment or window, merged in time order and packed into a budget.
#[utoipa::path(get, path = "/v1/videos/{id}/context", tag = "context",
    params(("id" = String, Path, description = "Id, unique prefix of an id, or name"), Around),
    responses((status = 200, content((Context = "application/json"), (String = "text/plain"))),
        (status = 400, body = Problem), (status = 404, body = Problem)))]
async fn context(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(around): Query<Around>,
) -> Result<Response, Problem> {
    let request = ContextRequest {
        video: id,
        at: words::seconds(around.at),
        from: words::seconds(around.from),
        to: words::seconds(around.to),
        kinds: around.kind,
        budget: around.budget,
        tokenizer: around.tokenizer,
    };
    let context = app.engine.context(&request).await?;
    Ok(match around.form {
        Form::Json => Answer::of(context, |context| &mut context.served).into_response(),
        Form::Text => {
            let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
            let mut response = (kind, context.text).into_response();
            answer::served(response.headers_mut(), &context.served);
            response
        }
    })
}
