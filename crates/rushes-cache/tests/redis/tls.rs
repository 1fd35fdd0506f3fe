//! TLS and a user of its own, as a managed Redis asks for.

use std::process::Command;

use rushes_cache::{Entry, Key, Redis, RedisOptions, Scope, Tier};
use tempfile::TempDir;

use crate::server::{Server, free_port};
use crate::source::eventually;

/// The URL to try; set by the parent only, which also names the authority to trust.
const URL: &str = "RUSHES_CACHE_TLS_URL";

/// Not a test of its own: keeps and finds a value over TLS.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(url) = std::env::var(URL) else { return };
    let options = RedisOptions { prefix: "mine:".to_owned(), ..RedisOptions::default() };
    let tier = Redis::open(&url, options).unwrap();
    let (key, scopes) = (Key::new("n", "video/1/a"), [Scope::path(["video", "1"])]);
    eventually("an answer", async || tier.get(&key).await.is_ok()).await;
    let stamp = tier.stamp(&key, &scopes).await.unwrap();
    let entry = Entry::new(Some("over TLS".into()));
    tier.put(&key, &entry, &stamp).await.unwrap();
    assert_eq!(tier.get(&key).await.unwrap(), Some(entry));
    tier.invalidate(&scopes).await.unwrap();
    assert_eq!(tier.get(&key).await.unwrap(), None);
}

#[test]
fn a_user_with_few_rights_is_served_over_tls() {
    let folder = TempDir::new().unwrap();
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"])
        .args(["/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl is needed: scripts/setup.sh installs it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = free_port();
    let file = |path: &std::path::Path| path.display().to_string();
    let rights = "ann on >se@cret ~mine:* -@all +get +mget +set +eval +pexpire +del +xadd +xread \
                  +xrevrange +time +info";
    let tls = [
        "--save",
        "",
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file(&certificate),
        "--tls-key-file",
        &file(&key),
        "--tls-ca-cert-file",
        &file(&certificate),
        "--tls-auth-clients",
        "no",
        "--user",
    ];
    let flags: Vec<&str> = tls.into_iter().chain(rights.split(' ')).collect();
    let _server = Server::start_with(&flags);
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::child", "--nocapture"])
        .env(URL, format!("rediss://ann:se%40cret@localhost:{port}"))
        .env("SSL_CERT_FILE", &certificate)
        .status()
        .unwrap();
    assert!(status.success(), "see what the child wrote above");
}
