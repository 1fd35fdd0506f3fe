//! The OpenAPI 3.1 document, made from the handlers.

use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};
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
    document
}
