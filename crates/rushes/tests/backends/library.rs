//! A library on one of the databases, and another process that writes to it.

use std::process::Command;

use rushes::Rushes;
use rushes::config::{Database, Settings};
use rushes::sql::SqlParams;
use rushes_store::testing::PostgresServer;

pub(crate) struct Library {
    folder: tempfile::TempDir,
    /// The name of its database in PostgreSQL.
    name: Option<&'static str>,
    pub(crate) rushes: Rushes,
}

impl Library {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rushes = Rushes::open(Settings::library(folder.path())).await.unwrap();
        Self { folder, name: None, rushes }
    }

    pub(crate) async fn postgres(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::library(folder.path());
        settings.database = Some(Database::Postgres(PostgresServer::shared().database(name)));
        let rushes = Rushes::open(settings).await.unwrap();
        Self { folder, name: Some(name), rushes }
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.rushes.execute(sql, &SqlParams::NONE).await.unwrap();
    }

    /// Placeholders as the database writes them.
    pub(crate) fn sql(&self, sql: &str) -> String {
        match self.name {
            Some(_) => sql.replace("?1", "$1").replace("?2", "$2"),
            None => sql.to_owned(),
        }
    }

    /// A write by another process, which is over when this returns.
    pub(crate) fn foreign(&self) -> impl Fn(&str) + Send + 'static {
        let (name, path) = (self.name, self.folder.path().join("rushes.db"));
        move |sql| match name {
            Some(name) => drop(PostgresServer::shared().psql(name, sql)),
            None => {
                let program = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute(sys.argv[2])";
                let mut python = Command::new("python3");
                python.args(["-c", program]).arg(&path).arg(sql);
                assert!(python.status().unwrap().success(), "{sql}");
            }
        }
    }
}
