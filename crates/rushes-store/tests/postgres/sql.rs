//! Statements of SQL: what they answer, and what they must not do.

use std::time::{Duration, Instant};

use rushes_store::testing::PostgresServer;
use rushes_store::{Error, PostgresOptions, PostgresStore, Query, SqlOptions, SqlValue, Store};

use crate::library::{caption, fill, open, put};

async fn rows(store: &PostgresStore, sql: &str) -> Vec<Vec<SqlValue>> {
    store.sql().read(&Query::new(sql, Vec::<SqlValue>::new())).await.unwrap().rows
}

#[tokio::test(flavor = "multi_thread")]
async fn the_library_and_a_users_tables_answer() {
    let server = PostgresServer::shared();
    let store = open(&server.database("sql")).await.unwrap();
    let video = put(&store, "one.mp4").await;
    fill(&store, &video, vec![caption(1.5, "a heron"), caption(3.0, "reeds")]).await;
    server.psql(
        "sql",
        "CREATE TABLE notes (video text, stars int); INSERT INTO notes VALUES ('x', 5)",
    );
    let sql = "SELECT video, kind, starts, data ->> 'text' FROM timeline WHERE video = $1 AND starts > $2";
    let id = video.id.as_str();
    let params = vec![SqlValue::from(id), SqlValue::Real(2.0)];
    let found = store.sql().read(&Query::new(sql, params)).await.unwrap();
    assert_eq!(found.columns, ["video", "kind", "starts", "?column?"]);
    let expected = [id.into(), "caption".into(), SqlValue::Real(3.0), "reeds".into()];
    assert_eq!(found.rows, [expected]);
    let one = rows(
        &store,
        "SELECT sum(stars), avg(stars), count(*), NULL, true, '\\x00ff'::bytea, 2.5 FROM notes",
    );
    let expected = [
        SqlValue::Integer(5),
        SqlValue::Real(5.0),
        SqlValue::Integer(1),
        SqlValue::Null,
        SqlValue::Integer(1),
        SqlValue::Blob(vec![0, 255]),
        SqlValue::Real(2.5),
    ];
    assert_eq!(one.await, [expected]);

    let mut stream =
        store.sql().stream(Query::new("SELECT generate_series(1, 1000)", Vec::<SqlValue>::new()));
    let mut taken = Vec::new();
    while let Some(some) = stream.recv().await {
        taken.extend(some.unwrap().rows);
    }
    assert_eq!(taken.len(), 1000);
    let plan = store.sql().explain("SELECT * FROM notes WHERE stars = $1").await.unwrap();
    assert_eq!(plan.warnings, ["reads all of notes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_reading_gets_through() {
    let server = PostgresServer::shared();
    let store = open(&server.database("hostile")).await.unwrap();
    put(&store, "one.mp4").await;
    for sql in [
        "",
        "DELETE FROM videos",
        "DELETE FROM videos RETURNING id",
        "WITH gone AS (DELETE FROM videos RETURNING id) SELECT * FROM gone",
        "SELECT 1; DELETE FROM videos",
        "COMMIT",
        "BEGIN READ WRITE",
        "SET default_transaction_read_only = off",
        "SELECT set_config('default_transaction_read_only', 'off', false)",
        "SELECT \"pg_catalog\".\"set_config\" ('search_path', 'x', false)",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_ls_dir('.')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT query_to_xml('SELECT pg_read_file(''/etc/passwd'')', true, false, '')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY videos TO STDOUT",
        "DO $$ BEGIN DELETE FROM videos; END $$",
        "CREATE TABLE mine (x int)",
        "SELECT * INTO mine FROM videos",
        "SELECT nextval('rushes.entry_ids')",
        "SELECT nonsense",
        "SELECT $1::int",
    ] {
        let read = store.sql().read(&Query::new(sql, Vec::<SqlValue>::new())).await;
        assert!(matches!(read, Err(Error::Invalid(_))), "{sql}: {read:?}");
        let plan = store.sql().explain(sql).await;
        assert!(plan.is_err() || sql == "SELECT $1::int", "{sql}: {plan:?}");
    }
    assert_eq!(rows(&store, "SELECT count(*) FROM videos").await, [[SqlValue::Integer(1)]]);
    assert_eq!(server.psql("hostile", "SELECT count(*) FROM rushes.videos"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_rows_and_bytes_are_bounded_and_the_abandoned_is_stopped() {
    let server = PostgresServer::shared();
    let url = server.database("bounded");
    let sql = SqlOptions { connections: 1, ..SqlOptions::default() };
    let options = PostgresOptions { sql, ..PostgresOptions::default() };
    let store = PostgresStore::open(&url, &options).await.unwrap();
    let ask = |sql: &str| Query::new(sql, Vec::<SqlValue>::new());
    let endless = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n % 9 + 1 FROM c)
                   SELECT max(n) FROM c";
    let short = Query { timeout: Duration::from_millis(100), ..ask(endless) };
    let began = Instant::now();
    let error = store.sql().read(&short).await.unwrap_err();
    assert!(matches!(&error, Error::TooLarge(why) if why.contains("0.1 s")), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20));
    for query in [
        Query { rows: 10, ..ask("SELECT generate_series(1, 100000000)") },
        Query { bytes: 1 << 20, ..ask("SELECT repeat('x', 100000) FROM generate_series(1, 100)") },
    ] {
        assert!(matches!(store.sql().read(&query).await, Err(Error::TooLarge(_))));
    }
    // Nobody waits for it any more: the server is told, and the only connection is free again.
    let waiting = tokio::time::timeout(Duration::from_millis(200), async {
        store.sql().read(&ask("SELECT pg_sleep(600)")).await
    });
    assert!(waiting.await.is_err());
    assert_eq!(rows(&store, "SELECT 1").await, [[SqlValue::Integer(1)]]);
    let running = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'bounded'
                   AND query LIKE '%pg_sleep(600)' AND state = 'active'";
    while server.psql("bounded", running) != "0" {}
}
