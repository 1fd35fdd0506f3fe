//! A `redis-server` on a port of its own, ended with its handle.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rushes_cache::{Redis, RedisOptions};
use tempfile::TempDir;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// A port that nobody listens at.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
    flags: Vec<String>,
}

impl Server {
    /// Starts a server that keeps nothing on disk.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--save", ""])
    }

    /// Starts a server with other flags; ready when it answers.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let flags: Vec<String> = flags.iter().copied().map(str::to_owned).collect();
        let child = spawn(&folder, port, &flags);
        let server = Self { child, port, folder, flags };
        server.await_ready();
        server
    }

    /// Starts a sentinel that watches a server under the name `main`.
    pub(crate) fn start_sentinel(watched: &Self) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        let file = folder.path().join("sentinel.conf");
        let told = format!(
            "sentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n",
            watched.port
        );
        std::fs::write(&file, told).unwrap();
        let flags = vec![file.display().to_string(), "--sentinel".to_owned()];
        let child = spawn(&folder, port, &flags);
        let server = Self { child, port, folder, flags };
        server.await_ready();
        server
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A tier on it, connected.
    pub(crate) async fn tier(&self) -> Redis {
        self.tier_with(RedisOptions::default()).await
    }

    /// The same with other options.
    pub(crate) async fn tier_with(&self, options: RedisOptions) -> Redis {
        let tier = Redis::open(&self.url(), options).unwrap();
        tier.connected().await.unwrap();
        tier
    }

    /// A plain connection, to look behind the tier.
    pub(crate) fn plain(&self) -> redis::Connection {
        let url = self.url();
        let connect = || redis::Client::open(url.as_str()).ok()?.get_connection().ok();
        wait_for("a connection", connect)
    }

    /// Ends it at once, as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port and folder.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.folder, self.port, &self.flags);
        self.await_ready();
    }

    /// Stops its process in the middle of whatever it does.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// The file with what it had when it was last saved.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("dump.rdb")
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    fn await_ready(&self) {
        let url = self.url();
        wait_for("the server", || {
            let mut connection = redis::Client::open(url.as_str()).ok()?.get_connection().ok()?;
            match redis::cmd("PING").query::<String>(&mut connection) {
                Ok(_) => Some(()),
                // It is there, and wants a password.
                Err(error) => (error.code() == Some("NOAUTH")).then_some(()),
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Asks again and again until there is an answer.
pub(crate) fn wait_for<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "{what} did not come within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn spawn(folder: &TempDir, port: u16, flags: &[String]) -> Child {
    // A file of settings comes first.
    let file = flags.first().filter(|flag| !flag.starts_with("--"));
    Command::new("redis-server")
        .args(file)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
        .arg(folder.path())
        .args(&flags[usize::from(file.is_some())..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is needed: scripts/setup.sh installs it")
}
