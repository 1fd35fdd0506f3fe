//! The way to the server: passwords, encryption, connections that are used up or broken.

use std::process::Command;
use std::time::Duration;

use rushes_store::testing::PostgresServer;
use rushes_store::{Error, PostgresOptions, PostgresStore, Store};

use crate::library::{open, put};

/// A server that asks for a password and encrypts, with a certificate that nobody signed.
struct Guarded {
    server: PostgresServer,
    certificates: tempfile::TempDir,
}

impl Guarded {
    fn start() -> Self {
        let certificates = tempfile::tempdir().unwrap();
        let (key, certificate) =
            (certificates.path().join("key.pem"), certificates.path().join("certificate.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout".as_ref(), key.as_os_str(), "-out".as_ref(), certificate.as_os_str()])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let server = PostgresServer::start(&[]);
        server.keep("server.key", &std::fs::read(&key).unwrap());
        server.keep("server.crt", &std::fs::read(&certificate).unwrap());
        server.keep("pg_hba.conf", b"local all all trust\nhostssl all all all scram-sha-256\n");
        server.psql("postgres", "ALTER SYSTEM SET ssl = on");
        server.psql("postgres", "CREATE USER agent PASSWORD 'hush-hush' SUPERUSER");
        server.psql("postgres", "SELECT pg_reload_conf()");
        server.database("guarded");
        Self { server, certificates }
    }

    fn url(&self, password: &str, options: &str) -> String {
        let port = self.server.port();
        format!("postgres://agent:{password}@localhost:{port}/guarded{options}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_there_is_encrypted_and_no_error_says_the_password() {
    let guarded = Guarded::start();
    // The server takes its new settings a moment after it was told to.
    while open(&guarded.url("hush-hush", "?sslmode=require")).await.is_err() {}
    let store = open(&guarded.url("hush-hush", "")).await.unwrap();
    put(&store, "one.mp4").await;
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
                     WHERE a.usename = 'agent'";
    assert_eq!(guarded.server.psql("guarded", encrypted), "t");

    let plain = open(&guarded.url("hush-hush", "?sslmode=disable")).await.unwrap_err();
    let wrong = open(&guarded.url("hush-wrong", "")).await.unwrap_err();
    assert!(wrong.to_string().contains("password authentication failed"), "{wrong}");
    // Nobody that the system trusts has signed the certificate; the file that is named has it.
    let unproven = open(&guarded.url("hush-hush", "?sslmode=verify-full")).await.unwrap_err();
    assert!(unproven.to_string().contains("certificate"), "{unproven}");
    for error in [plain, wrong, unproven] {
        let told = format!("{error} {error:?}");
        assert!(!told.contains("hush"), "{told}");
        assert!(told.contains("localhost"), "{told}");
    }
    let roots = guarded.certificates.path().join("certificate.pem");
    let proven = format!("?sslmode=verify-full&sslrootcert={}", roots.display());
    open(&guarded.url("hush-hush", &proven)).await.unwrap();
    assert!(!format!("{store:?}").contains("hush"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_used_up_are_waited_for_and_broken_ones_replaced() {
    let server = PostgresServer::shared();
    let url = server.database("pool");
    let options = PostgresOptions {
        connections: 1,
        wait: Duration::from_millis(50),
        ..PostgresOptions::default()
    };
    let store = PostgresStore::open(&url, &options).await.unwrap();
    // A lock keeps the only connection busy.
    let (mut other, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let transaction = other.transaction().await.unwrap();
    transaction.execute("LOCK TABLE rushes.videos", &[]).await.unwrap();
    let (blocked, refused) = tokio::join!(store.videos(10, None), async {
        let refused = store.seq().await;
        transaction.rollback().await.unwrap();
        refused
    });
    blocked.unwrap();
    assert!(matches!(&refused, Err(Error::Busy(why)) if why.contains("all 1 ")), "{refused:?}");

    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE application_name = 'rushes' AND datname = 'pool'";
    assert_eq!(server.psql("pool", kill), "1");
    // What was asked on the broken one may fail; the next is asked on another.
    while store.seq().await.is_err() {}
    put(&store, "one.mp4").await;
}
