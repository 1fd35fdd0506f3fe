//! The servers that the demo asks, both of them this very program: HTTP, and MCP over a pipe.

use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::RunningService;
use rmcp::transport::TokioChildProcess;
use rmcp::{RoleClient, ServiceExt};
use rushes::{Error, ErrorKind, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::internal;
use super::questions::{Question, Road};

/// Lines of an answer that are printed.
const LINES: usize = 8;

/// An answer: what it says, who served it, how long it took to arrive.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) reference: Option<String>,
    served: Option<String>,
    took: Duration,
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.served.as_deref().unwrap_or("the engine");
        write!(out, "{by}; answer in hand after {:.2} ms", self.took.as_secs_f64() * 1000.0)
    }
}

/// A server child and an MCP child over one library.
pub(super) struct Servers {
    http: Child,
    address: String,
    mcp: RunningService<RoleClient, ()>,
}

impl Servers {
    /// Starts both; the HTTP server chooses a free port of loopback.
    pub(super) async fn start(library: &Path) -> Result<Self> {
        let program =
            std::env::current_exe().map_err(|error| internal("cannot find this program", error))?;
        let mut http = Command::new(&program)
            .args(["serve", "--addr", "127.0.0.1:0", "--library"])
            .arg(library)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| internal("cannot start the server", error))?;
        let address = address(&mut http).await?;
        let mut command = Command::new(&program);
        command.args(["mcp", "--library"]).arg(library);
        let pipe = TokioChildProcess::new(command)
            .map_err(|error| internal("cannot start the MCP server", error))?;
        let mcp = ().serve(pipe).await.map_err(|error| internal("MCP did not begin", error))?;
        Ok(Self { http, address, mcp })
    }

    /// Where the HTTP server listens.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Asks one question.
    pub(super) async fn ask(&self, question: &Question, reference: &str) -> Result<Answer> {
        match &question.road {
            Road::Get(path) => {
                let path = path.replace("{ref}", &reference.replace('#', "%23"));
                self.http(path, None).await
            }
            Road::Post(path, body) => self.http((*path).to_owned(), Some(body())).await,
            Road::Tool(name, arguments) => self.tool(name, arguments()).await,
        }
    }

    /// Ends both.
    pub(super) async fn stop(mut self) {
        let _ = self.mcp.cancel().await;
        let _ = self.http.kill().await;
    }

    async fn http(&self, path: String, body: Option<Value>) -> Result<Answer> {
        let url = format!("{}{path}", self.address);
        let asked = tokio::task::spawn_blocking(move || fetch(&url, body));
        asked
            .await
            .map_err(|error| internal("the question was interrupted", error))?
            .map_err(|error| internal(&format!("GET {path}"), error))
    }

    async fn tool(&self, name: &'static str, arguments: Value) -> Result<Answer> {
        let mut call = CallToolRequestParams::new(name);
        call.arguments = arguments.as_object().cloned();
        let began = Instant::now();
        let result = self
            .mcp
            .call_tool(call)
            .await
            .map_err(|error| internal(&format!("tool {name}"), error))?;
        Ok(of_tool(&result, began.elapsed()))
    }
}

/// The address that the server prints as its first line.
async fn address(server: &mut Child) -> Result<String> {
    let silent = || Error::new(ErrorKind::Internal, "the server did not say where it listens");
    let stdout = server.stdout.take().ok_or_else(silent)?;
    let line = BufReader::new(stdout)
        .lines()
        .next_line()
        .await
        .map_err(|error| internal("the server said nothing", error))?
        .ok_or_else(silent)?;
    line.split_whitespace()
        .find(|word| word.starts_with("http://"))
        .map(str::to_owned)
        .ok_or_else(silent)
}

fn fetch(url: &str, body: Option<Value>) -> std::result::Result<Answer, ureq::Error> {
    let began = Instant::now();
    let mut response = match body {
        None => ureq::get(url).call()?,
        Some(body) => ureq::post(url).send_json(body)?,
    };
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let media_type = header("content-type").unwrap_or_default();
    let served = header("rushes-served");
    let timing = header("server-timing");
    let bytes = response.body_mut().with_config().limit(256 << 20).read_to_vec()?;
    let took = began.elapsed();
    let document: Option<Value> = serde_json::from_slice(&bytes).ok();
    let text = match &document {
        Some(document) => readable(document),
        None => format!("{media_type}, {} bytes", bytes.len()),
    };
    let by = served.map(|tier| match timing.as_deref().and_then(duration) {
        Some(micros) => format!("{tier} in {micros}"),
        None => tier,
    });
    let reference = document.as_ref().and_then(reference);
    Ok(Answer { text, reference, served: by, took })
}

/// The duration in a `Server-Timing` header, `memory;dur=0.012`, in microseconds.
fn duration(header: &str) -> Option<String> {
    let millis: f64 = header.split("dur=").nth(1)?.split([',', ';']).next()?.trim().parse().ok()?;
    Some(format!("{:.0} µs", millis * 1000.0))
}

fn of_tool(result: &CallToolResult, took: Duration) -> Answer {
    let mut lines = Vec::new();
    for block in &result.content {
        if let Some(text) = block.as_text() {
            lines.extend(text.text.lines().map(str::to_owned));
        } else if let Some(image) = block.as_image() {
            lines.push(format!("[{}, {} bytes]", image.mime_type, image.data.len() / 4 * 3));
        }
    }
    let structure = result.structured_content.as_ref();
    Answer {
        text: shorten(lines.into_iter()),
        reference: structure.and_then(reference),
        served: structure.and_then(served),
        took,
    }
}

/// The slowest tier named anywhere in an answer.
fn served(answer: &Value) -> Option<String> {
    let found = find(answer, "served")?;
    Some(format!("{} in {} µs", found.get("tier")?.as_str()?, found.get("micros")?))
}

fn reference(answer: &Value) -> Option<String> {
    find(answer, "reference")?.as_str().map(str::to_owned)
}

/// The first member of this name, however deep.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => {
            members.get(name).or_else(|| members.values().find_map(|value| find(value, name)))
        }
        Value::Array(items) => items.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

/// What a person wants to see of a JSON answer.
fn readable(answer: &Value) -> String {
    if let Some(text) = answer.get("text").and_then(Value::as_str) {
        return shorten(text.lines().map(str::to_owned));
    }
    let mut lines: Vec<String> =
        answer.get("items").and_then(Value::as_array).into_iter().flatten().map(line).collect();
    for kind in answer.get("never_computed").and_then(Value::as_array).into_iter().flatten() {
        lines.push(format!("{}: never computed", kind.as_str().unwrap_or_default()));
    }
    if lines.is_empty() {
        lines.push(line(answer));
    }
    shorten(lines.into_iter())
}

fn line(item: &Value) -> String {
    let text = |name: &str| find(item, name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let words = [text("snippet"), text("text"), text("content"), text("label")];
    let words =
        words.into_iter().find(|words| !words.is_empty()).unwrap_or_else(|| item.to_string());
    match (item.get("start").and_then(Value::as_f64), item.get("end").and_then(Value::as_f64)) {
        (Some(start), Some(end)) => format!("{} {start:.2}-{end:.2} s  {words}", text("name")),
        _ => words,
    }
}

fn shorten(lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = lines.collect();
    let mut shown: Vec<_> = lines.iter().take(LINES).map(|line| cut(line)).collect();
    if lines.len() > LINES {
        shown.push(format!("… {} more lines", lines.len() - LINES));
    }
    shown.join("\n")
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(150) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
