//! The OpenAPI 3.1 document, made from the handlers.

use axum::http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{
    InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, RefOr, Response,
};
use utoipa::{ToSchema, openapi};

/// Bytes of a file.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct Binary(#[expect(dead_code, reason = "describes bodies only")] Vec<u8>);

/// The document before the handlers add their paths.
pub(super) fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Rushes")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The data plane for video agents. Times are seconds of media time, as the container's \
             presentation timestamps give them. Failures are application/problem+json. Whatever \
             writes answers a header Rushes-Token; a request that shows it, to this server or \
             another one over the same library, is answered as after that write.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    OpenApiBuilder::new().openapi(openapi::OpenApiVersion::Version31).info(info).build()
}

/// The document with its paths as the standard writes them: it knows no parameter that spans
/// slashes, which the router marks with a star. Callers may send such slashes plain or escaped.
pub(super) fn standard(mut document: OpenApi) -> OpenApi {
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths =
        paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document.paths.paths.values_mut().flat_map(operations).for_each(|operation| {
        let responses = operation.responses.responses.iter_mut();
        responses.for_each(|(status, response)| {
            if let RefOr::T(response) = response {
                told(status, response);
            }
        });
    });
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, head, .. } = item;
    [get, put, post, delete, patch, head].into_iter().flatten()
}

/// Says what the standard wants said of each answer: what it means, and that failures are problems.
fn told(status: &str, response: &mut Response) {
    if response.description.is_empty() {
        let code = status.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok());
        let reason = code.and_then(|code| code.canonical_reason()).unwrap_or("An answer");
        response.description = reason.to_owned();
    }
    if status.starts_with(['4', '5'])
        && let Some(problem) = response.content.shift_remove("application/json")
    {
        response.content.insert("application/problem+json".to_owned(), problem);
    }
}
