//! The tools.

use rmcp::handler::server::tool::{ToolCallContext, ToolRouter};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorCode,
    Implementation, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, tool, tool_handler, tool_router};
use rushes::Rushes;
use rushes::answer::{BurstRequest, ContextRequest, FrameRequest, SearchRequest, SheetRequest};
use rushes::read::EntriesRequest;
use rushes::store::Role;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{answer, fitting, sql, token};
use crate::written::Written;

/// What an agent is told before it calls anything.
const ADVICE: &str = "Rushes knows what is in videos. Ask cheapest first: search (words of \
    transcripts and captions, or an object's class) finds the moment; video_context tells what is \
    known around it as text with references; sheet shows a window in one image; frame and burst \
    show details and cost most. Times are seconds of media time. References such as \
    1f3c...@12.480-15.120#caption/81 are stable: give them as evidence, cite resolves them. \
    'never computed' means that no model was run; 'none found' means that one was and saw nothing.";

/// The tools over one engine.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    engine: Rushes,
    router: ToolRouter<Self>,
}

/// The tool that an owner has to allow.
const SQL: &str = "sql";

/// A page of the library.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListRequest {
    /// Videos in the answer, 1 to 1000; 100 when not given.
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// What a reference stands for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CiteRequest {
    /// The reference, as `1f3c...@12.480-15.120#caption/81`.
    reference: String,
}

/// A message about a video.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RememberRequest {
    /// The video: id, unique prefix of an id, or name.
    video: String,
    /// Who spoke.
    role: Role,
    /// What was said; not empty.
    content: String,
}

/// A page of the conversation about a video.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RecallRequest {
    /// The video: id, unique prefix of an id, or name.
    video: String,
    /// Messages in the answer, 1 to 1000; 100 when not given.
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// An answer, or the refusal as one.
fn answered(result: rushes::Result<CallToolResult>) -> CallToolResult {
    result.unwrap_or_else(|error| answer::refused(&error))
}

#[tool_router]
impl Tools {
    /// The tools over this engine, for whoever started this process.
    pub(super) fn new(engine: Rushes) -> Self {
        Self { engine, router: token::taken_by_all(Self::tool_router()) }
    }

    /// The same for the network: SQL where the owner has allowed it.
    pub(super) fn for_network(engine: Rushes) -> Self {
        let allowed = engine.settings().sql_http;
        let mut tools = Self::new(engine);
        if !allowed {
            tools.router.disable_route(SQL);
        }
        tools
    }

    /// The videos of the library, newest first, with ids, lengths and names.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn list_videos(&self, Parameters(page): Parameters<ListRequest>) -> CallToolResult {
        let limit = page.limit.unwrap_or(100);
        let videos = self.engine.videos(limit, page.cursor.as_deref()).await;
        answered(videos.map(|videos| answer::told(answer::videos(&videos), &videos)))
    }

    /// Find moments by words (transcripts, captions and any other text) or by the class of an
    /// object. Cheapest: begin here, then read video_context around the best results.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn search(&self, Parameters(request): Parameters<SearchRequest>) -> CallToolResult {
        let found = self.engine.search(&request).await;
        answered(found.map(|found| answer::told(answer::found(&found), &found)))
    }

    /// Everything known around a moment (`at`) or in a window (`from`, `to`) as text in time
    /// order, packed into a token budget, each line with a reference. Cheap: read this before you
    /// look at pictures.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn video_context(
        &self,
        Parameters(request): Parameters<ContextRequest>,
    ) -> CallToolResult {
        let context = self.engine.context(&request).await;
        answered(context.map(|context| answer::told(context.text.clone(), &context)))
    }

    /// Entries of chosen kinds in a window, complete and page by page: all captions, all
    /// detections. Cheap; use video_context when a summary of everything is enough.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn entries(&self, Parameters(request): Parameters<EntriesRequest>) -> CallToolResult {
        let entries = self.engine.entries(&request).await;
        answered(entries.map(|entries| answer::told(answer::entries(&entries), &entries)))
    }

    /// One image with the frames of a window in a grid (3x3 unless asked otherwise), each with its
    /// time. The cheapest way to see what happens in a window; `dry_run` states its cost.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn sheet(&self, Parameters(request): Parameters<SheetRequest>) -> CallToolResult {
        answered(fitting::sheet(&self.engine, &request).await)
    }

    /// One frame as an image: the one on screen at a time (`at`), or by `number` or `entry`.
    /// width=overview (448 pixels) is enough for most questions, detail (896) for small text.
    /// Costs more than text; `dry_run` states the cost.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn frame(&self, Parameters(request): Parameters<FrameRequest>) -> CallToolResult {
        answered(fitting::frame(&self.engine, &request).await)
    }

    /// Native frames of a short window as images, evenly chosen: for motion and order of events.
    /// At most 12 images in an answer. Costs most: narrow the window with search and sheet first.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn burst(&self, Parameters(request): Parameters<BurstRequest>) -> CallToolResult {
        answered(fitting::burst(&self.engine, &request).await)
    }

    /// What a reference stands for, or that it is gone. Never a neighbour.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn cite(&self, Parameters(request): Parameters<CiteRequest>) -> CallToolResult {
        let cited = self.engine.cite(&request.reference).await;
        answered(cited.map(|cited| answer::told(answer::cited(&cited), &cited)))
    }

    /// Append a message to the conversation about a video, so that a later session finds it.
    #[tool(annotations(read_only_hint = false, destructive_hint = false, open_world_hint = false))]
    async fn remember(&self, Parameters(request): Parameters<RememberRequest>) -> CallToolResult {
        let RememberRequest { video, role, content } = request;
        let message = async {
            let message = self.engine.append(&video, role, &content).await?;
            Written::by(&self.engine, message).await
        };
        answered(message.await.map(|message| {
            let text = format!("message {}, token {}", message.done.id, message.token);
            answer::told(text, &message)
        }))
    }

    /// The conversation about a video, oldest first.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn recall(&self, Parameters(request): Parameters<RecallRequest>) -> CallToolResult {
        let limit = request.limit.unwrap_or(100);
        let messages = self.engine.messages(&request.video, limit, request.cursor.as_deref()).await;
        answered(messages.map(|messages| answer::told(answer::messages(&messages), &messages)))
    }

    /// Ask the library's database with a statement of SQL that reads: counts, sums, comparisons
    /// over many videos. `timeline` shows all entries (id, video, name, kind, starts, ends, data,
    /// text, label, tool, version, model), `conversation` all messages (id, video, name, role,
    /// content, at). Cheap when the answer is small: let SQL count, and say LIMIT.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn sql(&self, Parameters(asked): Parameters<sql::Asked>) -> CallToolResult {
        answered(sql::answer(&self.engine, asked).await)
    }
}

impl Tools {
    fn unknown(&self, name: &str) -> ErrorData {
        let tools = self.router.list_all();
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
        let why = format!("no tool is called {name:?}; there are {}", names.join(", "));
        ErrorData::invalid_params(rushes::bounded(&why).into_owned(), None)
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let tools = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(tools)
            .with_server_info(Implementation::new("rushes", env!("CARGO_PKG_VERSION")))
            .with_instructions(ADVICE.to_owned())
    }

    /// Calls a tool. Arguments that do not fit its schema are answered as a refusal, which agents
    /// read, rather than as a failure of the protocol, which many clients hide from them.
    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if self.router.is_disabled(&request.name) {
            return Ok(answer::forbidden(crate::sql::OFF).into());
        }
        if !self.router.has_route(&request.name) {
            return Err(self.unknown(&request.name));
        }
        if let Err(error) = token::honour(&self.engine, &mut request).await {
            return Ok(answer::refused(&error).into());
        }
        let call = ToolCallContext::new(self, request, context);
        match self.router.call(call).await {
            Err(error) if error.code == ErrorCode::INVALID_PARAMS => {
                let text = ContentBlock::text(format!("invalid: {}", error.message));
                Ok(CallToolResult::error(vec![text]).into())
            }
            outcome => outcome,
        }
    }
}
