//! A PostgreSQL server of the tests' own, which ends with the process that started it.

use std::collections::HashSet;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long the server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the server, and when it is told to end, ends it at once and removes its folder.
const KEEPER: &str = r#"
    trap 'kill -QUIT $server 2>/dev/null' TERM
    "$@" >"$FOLDER/log" 2>&1 &
    server=$!
    wait $server
    wait $server 2>/dev/null
    cd / && rm -rf "$FOLDER"
"#;

/// A running server, on a socket in a folder of its own and on a port of the loopback.
#[derive(Debug)]
pub struct PostgresServer {
    folder: PathBuf,
    bin: PathBuf,
    port: u16,
    databases: Mutex<HashSet<String>>,
}

impl PostgresServer {
    /// The server that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<PostgresServer> = OnceLock::new();
        SERVER.get_or_init(|| Self::start(&[]))
    }

    /// Starts a server with more settings (`["ssl=on"]`); ready when it answers. It writes nothing
    /// to the disk in earnest.
    pub fn start(settings: &[&str]) -> Self {
        let bin = bin();
        let account = Account::of_server();
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap().keep();
        account.give(&folder);
        let data = folder.join("data");
        let mut initdb = account.command(&bin.join("initdb"), false);
        initdb.arg("-D").arg(&data).args(["-U", "rushes", "-A", "trust", "--no-sync"]);
        initdb.args(["--locale=C", "-E", "UTF8", "--wal-segsize=1"]).current_dir(&folder);
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let server = Self { folder, bin, port, databases: Mutex::default() };
        server.run(&account, &data, settings);
        server.await_ready();
        server
    }

    fn run(&self, account: &Account, data: &Path, settings: &[&str]) {
        let mut command = account.command(Path::new("sh"), true);
        command.args(["-c", KEEPER, "sh"]).arg(self.bin.join("postgres"));
        command.arg("-D").arg(data).arg("-k").arg(&self.folder);
        let port = format!("port={}", self.port);
        let usual = [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "max_connections=300",
            "shared_buffers=64MB",
        ];
        for setting in usual.iter().chain(settings).copied().chain([port.as_str()]) {
            command.args(["-c", setting]);
        }
        command.env("FOLDER", &self.folder).current_dir(&self.folder).stdin(Stdio::null());
        // The server is told to end when the thread that started it does: with the process.
        let (started, began) = std::sync::mpsc::channel();
        let keep = move || {
            let child: std::io::Result<Child> = command.spawn();
            started.send(child.as_ref().map(Child::id).map_err(ToString::to_string)).unwrap();
            child.unwrap().wait().unwrap();
        };
        std::thread::Builder::new().name("postgres".to_owned()).spawn(keep).unwrap();
        began.recv().unwrap().unwrap();
    }

    fn await_ready(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut ask = Command::new(self.bin.join("pg_isready"));
            ask.arg("-q").arg("-h").arg(&self.folder).args(["-p", &self.port.to_string()]);
            if ask.status().unwrap().success() {
                return;
            }
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "PostgreSQL does not answer: {log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The URL of a database, which is made if it is not there.
    pub fn database(&self, name: &str) -> String {
        let mut databases = self.databases.lock().unwrap_or_else(PoisonError::into_inner);
        if databases.insert(name.to_owned()) {
            self.psql("postgres", &format!("CREATE DATABASE \"{name}\""));
        }
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://rushes@{folder}:{}/{name}", self.port)
    }

    /// What `psql`, as any other program, answers to statements, one row a line.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string(), "-U", "rushes"]);
        psql.args(["-d", database, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        let done = psql.output().unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// The port on the loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lays a file into the folder of its data, for nobody but the server.
    pub fn keep(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.join("data").join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        Account::of_server().give(&path);
    }
}

/// Where the server's programs are: of the newest version that Debian has installed, or on the path.
fn bin() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = installed.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin"))).filter(|(_, bin)| bin.join("initdb").exists())
    });
    let newest = versions.max().map(|(_, bin)| bin);
    let on_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    };
    newest.or_else(on_path).expect("PostgreSQL is not installed: run scripts/setup.sh")
}

/// Whom the server runs as: it refuses to be root.
struct Account(Option<(String, u32)>);

impl Account {
    fn of_server() -> Self {
        if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
            return Self(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let found = ["postgres", "nobody"].iter().find_map(|name| {
            let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?;
            Some(((*name).to_owned(), line.split(':').nth(2)?.parse().ok()?))
        });
        Self(Some(found.expect("there is a user postgres or nobody")))
    }

    fn give(&self, folder: &Path) {
        if let Self(Some((_, id))) = self {
            chown(folder, Some(*id), None).unwrap();
        }
    }

    /// A program run as the account, which is told to end, if `ends`, with the thread that starts it.
    fn command(&self, program: &Path, ends: bool) -> Command {
        let mut command = Command::new("setpriv");
        if let Self(Some((name, _))) = self {
            command.args(["--reuid", name, "--clear-groups"]);
        }
        if ends {
            command.args(["--pdeathsig", "TERM"]);
        }
        command.arg(program);
        command
    }
}
