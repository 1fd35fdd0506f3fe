//! `rushes serve` on a port of its own, ended with its handle.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;
use ureq::Agent;
use ureq::http::HeaderMap;

use crate::library::Library;

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// As `http://127.0.0.1:41234`.
    pub(crate) address: String,
    agent: Agent,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Server {
    /// Starts a server over the library; ready when it has said where it listens.
    pub(crate) fn start(library: &Library) -> Self {
        Self::start_with(library, &[])
    }

    /// Starts a server with more flags.
    pub(crate) fn start_with(library: &Library, flags: &[&str]) -> Self {
        let mut child = library
            .command()
            .args(["serve", "--addr", "127.0.0.1:0"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}"));
        let config = Agent::config_builder().http_status_as_error(false).build();
        Self { child, address: address.to_owned(), agent: config.into() }
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// GET.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    /// GET with headers.
    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request =
            headers.iter().fold(self.agent.get(self.url(path)), |request, (name, text)| {
                request.header(*name, *text)
            });
        Answer::from(request.call().unwrap())
    }

    /// HEAD.
    pub(crate) fn head(&self, path: &str) -> Answer {
        self.head_with(path, &[])
    }

    /// HEAD with headers.
    pub(crate) fn head_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request =
            headers.iter().fold(self.agent.head(self.url(path)), |request, (name, text)| {
                request.header(*name, *text)
            });
        Answer::from(request.call().unwrap())
    }

    /// POST.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.post_as(path, "application/octet-stream", body, &[])
    }

    /// POST of JSON.
    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post_json_with(path, body, &[])
    }

    /// POST of JSON with headers.
    pub(crate) fn post_json_with(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.post_as(path, "application/json", body.to_string().as_bytes(), headers)
    }

    /// POST of a body of this media type.
    pub(crate) fn post_as(
        &self,
        path: &str,
        media_type: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Answer {
        let request = self.agent.post(self.url(path)).header("content-type", media_type);
        let request =
            headers.iter().fold(request, |request, (name, text)| request.header(*name, *text));
        Answer::from(request.send(body).unwrap())
    }

    /// DELETE.
    pub(crate) fn delete(&self, path: &str) -> Answer {
        Answer::from(self.agent.delete(self.url(path)).call().unwrap())
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the server to end by itself; its exit code.
    pub(crate) fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl From<ureq::http::Response<ureq::Body>> for Answer {
    fn from(response: ureq::http::Response<ureq::Body>) -> Self {
        let (parts, mut body) = response.into_parts();
        let body = body.with_config().limit(64 << 20).read_to_vec().unwrap();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

impl Answer {
    /// A header's text; empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Checks that this is a problem of this status and says why; the reason.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "kind", "detail"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem["detail"].as_str().unwrap().to_owned()
    }
}
