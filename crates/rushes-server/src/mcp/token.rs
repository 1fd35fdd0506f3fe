//! Tokens as arguments: every tool takes one, besides its own.

use std::sync::Arc;

use rmcp::handler::server::tool::ToolRouter;
use rmcp::model::CallToolRequestParams;
use rushes::{Error, Result, Rushes};
use serde_json::{Value, json};

/// The argument.
const TOKEN: &str = "token";

/// Adds the argument to the schema of every tool.
pub(super) fn taken_by_all<S: Send + Sync + 'static>(mut router: ToolRouter<S>) -> ToolRouter<S> {
    let meaning = "What a write answered, here or elsewhere: the answer is as after that write.";
    let argument = json!({ "type": "string", "description": meaning });
    for route in router.map.values_mut() {
        let mut schema = (*route.attr.input_schema).clone();
        let arguments = schema.entry("properties").or_insert_with(|| json!({}));
        if let Value::Object(arguments) = arguments {
            arguments.insert(TOKEN.to_owned(), argument.clone());
        }
        route.attr.input_schema = Arc::new(schema);
    }
    router
}

/// Takes the token out of a call and waits for what it stands for.
pub(super) async fn honour(engine: &Rushes, request: &mut CallToolRequestParams) -> Result<()> {
    let token = request.arguments.as_mut().and_then(|arguments| arguments.remove(TOKEN));
    match token {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(token)) => engine.after(&token).await,
        Some(_) => Err(Error::invalid("`token` is a text: what a write answered")),
    }
}
