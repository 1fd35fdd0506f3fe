//! The tools, called by the SDK's own client over standard input and output.

use base64::Engine;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::RunningService;
use rmcp::transport::TokioChildProcess;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};

use crate::library::Library;
use crate::media;
use crate::server::Server;

struct Client(RunningService<RoleClient, ()>);

impl Client {
    async fn start(library: &Library) -> Self {
        let mut command = library.command();
        command.arg("mcp");
        let child = TokioChildProcess::new(tokio::process::Command::from(command)).unwrap();
        Self(().serve(child).await.unwrap())
    }

    async fn call(&self, tool: &'static str, arguments: Value) -> CallToolResult {
        let mut call = CallToolRequestParams::new(tool);
        call.arguments = arguments.as_object().cloned();
        self.0.call_tool(call).await.unwrap()
    }

    async fn stop(self) {
        self.0.cancel().await.unwrap();
    }
}

fn texts(result: &CallToolResult) -> Vec<String> {
    result.content.iter().filter_map(|block| Some(block.as_text()?.text.clone())).collect()
}

fn images(result: &CallToolResult) -> usize {
    result.content.iter().filter(|block| block.as_image().is_some()).count()
}

#[tokio::test]
async fn the_tools_are_listed_with_schemas_and_advice() {
    let client = Client::start(&Library::new()).await;
    let info = client.0.peer_info().unwrap();
    assert!(info.instructions.as_deref().unwrap().contains("cheapest first"), "{info:?}");
    let tools = client.0.list_all_tools().await.unwrap();
    for name in
        ["list_videos", "video_context", "search", "entries", "frame", "burst", "sheet", "cite"]
    {
        let tool = tools.iter().find(|tool| tool.name == name).unwrap_or_else(|| panic!("{name}"));
        assert!(tool.description.as_deref().is_some_and(|text| text.len() > 40), "{name}");
        assert_eq!(tool.input_schema["type"], "object", "{name}");
        let properties = tool.input_schema["properties"].as_object().unwrap();
        assert!(properties.len() > 1, "{name}");
        let required = tool.input_schema.get("required").and_then(Value::as_array);
        let names_video = required.is_some_and(|names| names.contains(&json!("video")));
        assert_eq!(names_video, properties.contains_key("video"), "{name}");
    }
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_finds_a_moment_and_looks_at_it() {
    let (library, id) = Library::with_entries();
    let client = Client::start(&library).await;
    let listed = client.call("list_videos", json!({})).await;
    assert!(texts(&listed)[0].contains(&id));

    let found = client.call("search", json!({ "text": "kite" })).await;
    let item = found.structured_content.as_ref().unwrap()["items"][0].clone();
    assert_eq!(item["kind"], "caption", "{item}");
    let cited = client.call("cite", json!({ "reference": item["reference"] })).await;
    assert!(texts(&cited)[0].contains("A red kite turns"), "{cited:?}");

    let context = client.call("video_context", json!({ "video": id, "at": 2.0 })).await;
    assert!(texts(&context)[0].contains("crowd cheers"), "{context:?}");
    let entries = client.call("entries", json!({ "video": id, "kinds": ["caption"] })).await;
    assert_eq!(entries.structured_content.unwrap()["items"].as_array().unwrap().len(), 2);

    let frame = client.call("frame", json!({ "video": id, "at": 1.0, "width": "overview" })).await;
    assert!(texts(&frame)[0].starts_with("0:00:01.000"), "{frame:?}");
    let image = frame.content.iter().find_map(|block| block.as_image()).unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(&image.data).unwrap();
    assert_eq!(&bytes[8..12], b"WEBP");

    let sheet = client.call("sheet", json!({ "video": id, "from": 0.0, "to": 6.0 })).await;
    assert_eq!(images(&sheet), 1);
    assert!(texts(&sheet)[0].contains("tokens:"), "{:?}", texts(&sheet));
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_come_after_their_times_and_too_many_are_refused_with_what_fits() {
    let (library, id) = Library::with_clip();
    let client = Client::start(&library).await;
    let burst = json!({ "video": id, "from": 1.0, "to": 3.0, "count": 5, "width": "overview" });
    let shown = client.call("burst", burst).await;
    assert_eq!(images(&shown), 5);
    for (n, block) in shown.content.iter().enumerate().take(10) {
        assert_eq!(block.as_image().is_some(), n % 2 == 1, "text and image take turns");
    }
    assert!(texts(&shown).last().unwrap().contains("limits: 12 images"), "{:?}", texts(&shown));

    let many = json!({ "video": id, "from": 0.0, "to": 6.0, "count": 40 });
    let refused = client.call("burst", many).await;
    assert_eq!((refused.is_error, images(&refused)), (Some(true), 0));
    assert!(texts(&refused)[0].contains("count=12"), "{refused:?}");
    client.stop().await;
}

/// The suggestion once looked at the number only: with its count the images still were too many
/// bytes.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_refusal_suggests_is_accepted() {
    let library = Library::new();
    let run = library.run(["--json", "ingest", media::noise().to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    let client = Client::start(&library).await;
    let burst = |count: usize, width: &str| {
        let asked = json!({ "video": "noise.mkv", "from": 0.0, "to": 2.0, "count": count,
            "width": width });
        client.call("burst", asked)
    };
    for count in [12, 40] {
        let refused = burst(count, "full").await;
        assert_eq!(refused.is_error, Some(true));
        let why = texts(&refused)[0].clone();
        assert_eq!(texts(&refused)[0].matches("count=").count(), 2, "{why}");
        let fits: usize = why.split("count=").nth(1).unwrap()[..1].parse().unwrap();
        let shown = burst(fits, "full").await;
        assert_eq!((shown.is_error, images(&shown)), (Some(false), fits), "{why}");
        assert!(fits < 12 && burst(fits + 1, "full").await.is_error == Some(true), "{why}");
        assert!(why.contains("width=overview and count=12"), "{why}");
        assert_eq!(images(&burst(12, "overview").await), 12);
    }
    let sheet =
        json!({ "video": "noise.mkv", "columns": 4, "rows": 4, "cell": 640, "format": "png" });
    let refused = client.call("sheet", sheet.clone()).await;
    let why = texts(&refused)[0].clone();
    let cell: u32 = why.split("cell=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
    let mut smaller = sheet;
    smaller["cell"] = cell.into();
    assert_eq!(images(&client.call("sheet", smaller).await), 1, "{why}");
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_answers_and_not_failures_of_the_protocol() {
    let client = Client::start(&Library::new()).await;
    for (tool, arguments) in [
        ("video_context", json!({ "video": "nothing" })),
        ("entries", json!({ "video": "nothing", "from": -1.0 })),
        ("frame", json!({ "video": "nothing", "at": "soon" })),
        ("search", json!({ "colour": "red" })),
        ("cite", json!({ "reference": "nonsense" })),
        ("frame", json!({ "at": 1.0 })),
    ] {
        let refused = client.call(tool, arguments).await;
        assert_eq!(refused.is_error, Some(true), "{tool}: {refused:?}");
        assert!(texts(&refused)[0].len() > 10, "{tool}: {refused:?}");
    }
    let nameless = client.call("video_context", json!({ "at": 1.0 })).await;
    assert!(texts(&nameless)[0].contains("`video` is missing"), "{nameless:?}");
    let unknown = CallToolRequestParams::new("no_such_tool");
    let error = client.0.call_tool(unknown).await.unwrap_err().to_string();
    assert!(error.contains("no_such_tool") && error.contains("list_videos"), "{error}");
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_remembered() {
    let (library, id) = Library::with_clip();
    let client = Client::start(&library).await;
    let said = json!({ "video": id, "role": "assistant", "content": "A kite at 0:01." });
    let written = client.call("remember", said).await;
    assert_eq!(written.is_error, Some(false));
    let recalled = client.call("recall", json!({ "video": id })).await;
    assert_eq!(texts(&recalled)[0], "assistant: A kite at 0:01.\n");

    let token = written.structured_content.as_ref().unwrap()["token"].clone();
    assert!(texts(&written)[0].contains(token.as_str().unwrap()), "{written:?}");
    let recalled = client.call("recall", json!({ "video": id, "token": token })).await;
    assert_eq!(texts(&recalled)[0], "assistant: A kite at 0:01.\n");
    for wrong in [json!("of nobody"), json!(7)] {
        let refused = client.call("recall", json!({ "video": id, "token": wrong })).await;
        assert_eq!(refused.is_error, Some(true), "{wrong}");
        assert!(texts(&refused)[0].contains("token"), "{refused:?}");
    }
    for tool in client.0.list_all_tools().await.unwrap() {
        assert_eq!(tool.input_schema["properties"]["token"]["type"], "string", "{}", tool.name);
    }
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_that_reads_is_answered_and_all_else_refused() {
    let (library, id) = Library::with_entries();
    let client = Client::start(&library).await;
    let sql =
        "SELECT kind, text FROM timeline WHERE video = ? AND text IS NOT NULL ORDER BY starts";
    let asked = json!({ "sql": sql, "params": [id] });
    let found = client.call("sql", asked.clone()).await;
    let lines: Vec<Value> =
        texts(&found)[0].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!(["kind", "text"]), "{found:?}");
    assert!(lines.contains(&json!(["caption", "A red kite turns"])), "{found:?}");
    let structured = found.structured_content.unwrap();
    assert_eq!(structured["rows"].as_array().unwrap().len(), lines.len() - 1);
    let again = client.call("sql", asked).await.structured_content.unwrap();
    assert_eq!(again["served"]["tier"], "memory", "{again}");
    assert_eq!(again["rows"], structured["rows"]);

    let named = json!({ "sql": "SELECT :n + 1 AS more", "params": { "n": 41 } });
    assert_eq!(texts(&client.call("sql", named).await)[0], "[\"more\"]\n[42]\n");
    let endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c";
    for (asked, word) in [
        (json!({ "sql": "DELETE FROM entries" }), "only reading"),
        (json!({ "sql": "ATTACH 'x.db' AS x" }), "only reading"),
        (json!({ "sql": "SELECT load_extension('x')" }), "load_extension"),
        (json!({ "sql": "SELECT 1; SELECT 2" }), "one statement"),
        (json!({ "sql": "SELECT nonsense" }), "nonsense"),
        (json!({ "sql": "SELECT ?" }), "1 placeholders"),
        (json!({ "sql": endless }), "more than 100 rows"),
        (json!({ "sql": "SELECT 1", "rows": 1001 }), "1 to 1000"),
        (json!({ "sql": "SELECT 1", "params": "x" }), "a JSON list"),
        (json!({ "sql": "SELECT hex(zeroblob(60000))" }), "at most 100000"),
        (json!({ "sql": "SELECT randomblob(2000000000)" }), "too big"),
    ] {
        let refused = client.call("sql", asked.clone()).await;
        assert_eq!(refused.is_error, Some(true), "{asked}: {refused:?}");
        assert!(texts(&refused)[0].contains(word), "{asked}: {refused:?}");
    }
    client.stop().await;
}

#[test]
fn sql_over_the_network_needs_leave() {
    let (library, _) = Library::with_entries();
    let ask = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "sql", "arguments": { "sql": "SELECT count(*) FROM timeline" } } });
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let accept = [("accept", "application/json, text/event-stream")];
    for (flags, allowed) in [(&[][..], false), (&["--sql-http", "true"][..], true)] {
        let server = Server::start_with(&library, flags);
        let listed = server.post_json_with("/mcp", &list, &accept).json();
        let listed = listed["result"]["tools"].as_array().unwrap().clone();
        assert_eq!(listed.iter().any(|tool| tool["name"] == "sql"), allowed, "{flags:?}");
        let answer = server.post_json_with("/mcp", &ask, &accept).json();
        assert_eq!(answer["result"]["isError"], !allowed, "{answer}");
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        let word = if allowed { "count(*)" } else { "forbidden: SQL over HTTP is off" };
        assert!(text.contains(word), "{answer}");
    }
}

#[test]
fn the_same_tools_are_there_over_http() {
    let library = Library::new();
    let server = Server::start(&library);
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let accept = [("accept", "application/json, text/event-stream")];
    let answer = server.post_json_with("/mcp", &call, &accept);
    assert_eq!(answer.status, 200, "{answer:?}");
    let tools = answer.json()["result"]["tools"].as_array().unwrap().len();
    assert!(tools >= 8, "{answer:?}");
    let stranger = [accept[0], ("origin", "https://evil.example")];
    assert_eq!(server.post_json_with("/mcp", &call, &stranger).status, 403);
}
