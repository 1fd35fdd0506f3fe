//! Statements that would do harm, take too long or too many connections.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Fixture, MINUTE, first};
use crate::Error;
use crate::sql::{Query, SqlOptions, SqlParams, SqlValue};

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_would_do_harm_are_refused_or_stopped() {
    let fixture = Fixture::new();
    let ask = |sql: &'static str| {
        let query =
            Query { timeout: Duration::from_millis(300), ..Query::new(sql, SqlParams::NONE) };
        let sql = fixture.sql();
        async move { sql.read(&query).await }
    };
    for (sql, why) in [
        ("ATTACH '/etc/passwd' AS x", "ATTACH"),
        ("PRAGMA writable_schema = 1", "PRAGMA writable_schema"),
        ("PRAGMA query_only = 0", "PRAGMA query_only"),
        ("PRAGMA schema_version = 7", "PRAGMA schema_version"),
        ("DELETE FROM notes", "DELETE from notes"),
        ("INSERT INTO notes (rank) VALUES (1) RETURNING id", "INSERT into notes"),
        ("CREATE TEMP TABLE t (x)", "temporary tables"),
        ("DROP TABLE notes", "only reading"),
        ("BEGIN", "transaction of its own"),
        ("VACUUM INTO '/tmp/x'", "only reading"),
        ("SELECT load_extension('x')", "reaches outside"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT 1; DROP TABLE notes", "only reading"),
        ("SELECT hex(randomblob(1000000000))", "too big"),
        ("SELECT nil FROM notes", "no such column"),
        ("SELECT ?", "1 placeholders, but 0"),
        ("", "statement"),
    ] {
        let error = ask(sql).await.map(|rows| panic!("{sql}: {rows:?}")).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(why), "{sql}: {error}");
    }
    let began = Instant::now();
    let endless =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c";
    for _ in 0..3 {
        let error = ask(endless).await.unwrap_err();
        assert!(matches!(&error, Error::TooLarge(why) if why.contains("0.3 s")), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    let many = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c";
    let query = Query { rows: 10, ..Query::new(many, SqlParams::NONE) };
    let error = fixture.sql().read(&query).await.unwrap_err();
    assert!(matches!(&error, Error::TooLarge(why) if why.contains("10 rows")), "{error}");
    let wide =
        Query { bytes: 1 << 20, ..Query::new("SELECT randomblob(2000000)", SqlParams::NONE) };
    assert!(matches!(fixture.sql().read(&wide).await, Err(Error::TooLarge(_))));
    assert_eq!(ask("SELECT count(*) FROM notes").await.unwrap().rows.len(), 1, "it still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_caller_interrupts_its_statement_and_frees_the_connection() {
    let fixture = Fixture::with(SqlOptions { connections: 1, wait: MINUTE, ..Default::default() });
    let endless = Query::new(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c",
        SqlParams::NONE,
    );
    let endless = Query { timeout: MINUTE * 60, ..endless };
    let left = tokio::time::timeout(Duration::from_millis(50), fixture.sql().read(&endless)).await;
    assert!(left.is_err(), "it should still run");
    let rows = fixture.sql().read(&Query::new("SELECT 7", SqlParams::NONE)).await.unwrap();
    assert_eq!(first(&rows), &SqlValue::Integer(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_says_so_and_opens_no_more_connections() {
    let wait = Duration::from_millis(30);
    let fixture = Fixture::with(SqlOptions { connections: 2, wait, ..Default::default() });
    let slow = Query {
        timeout: Duration::from_millis(600),
        ..Query::new(
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c",
            SqlParams::NONE,
        )
    };
    let sql = fixture.sql();
    let quick = async {
        while sql.figures()["in_use"] != 2 {
            tokio::task::yield_now().await;
        }
        sql.read(&Query::new("SELECT 1", SqlParams::NONE)).await
    };
    let (a, b, refused) = tokio::join!(sql.read(&slow), sql.read(&slow), quick);
    assert!(a.is_err() && b.is_err());
    let error = refused.unwrap_err();
    assert!(matches!(&error, Error::Busy(why) if why.contains("all 2 connections")), "{error}");
    let figures = sql.figures();
    assert_eq!((&figures["opened"], &figures["refused"]), (&json!(2), &json!(1)), "{figures}");
    assert_eq!(figures["in_use"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn prepared_statements_are_used_again() {
    let fixture = Fixture::with(SqlOptions { connections: 1, ..Default::default() });
    for rank in 0..10 {
        let query = Query::new("SELECT * FROM notes WHERE rank = ?", vec![rank]);
        fixture.sql().read(&query).await.unwrap();
    }
    let figures = fixture.sql().figures();
    assert_eq!(figures["statements_prepared"], 1, "{figures}");
    assert_eq!(figures["statements_reused"], 9);
}
