//! Advice on indexes, which are tried and undone.

use rushes_store::testing::PostgresServer;
use rushes_store::{Example, SqlParams, Store};

use crate::cached::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn plans_and_advice_name_what_is_dear_and_what_would_help() {
    let fixture = Fixture::new("advice").await;
    fixture
        .foreign(
            "INSERT INTO notes SELECT n, 'v' || n % 5, n, 'w' || n FROM generate_series(10, 60000) n;
             ANALYZE notes",
        )
        .await;
    let sql = "SELECT n.word FROM notes n WHERE n.video_id = $1 AND n.rank > 59900 ORDER BY n.rank";
    let plan = fixture.store.sql().explain(sql).await.unwrap();
    assert!(plan.warnings.contains(&"reads all of notes".to_owned()), "{plan:?}");
    assert_eq!(plan.reads, ["notes/?1"]);
    let example = |sql: &str, params: Vec<&str>| Example {
        sql: sql.into(),
        params: SqlParams::from(params),
        count: 3,
        total_micros: 9,
    };
    let examples = vec![
        example(sql, vec!["v1"]),
        example("SELECT count(*) FROM notes WHERE word LIKE $1", vec!["%x%"]),
        example("SELECT * FROM gone", vec![]),
        example("WITH x AS (DELETE FROM notes RETURNING 1) SELECT * FROM x", vec![]),
        example("SELECT pg_sleep(100)", vec![]),
    ];
    let state = || {
        let sql = "SELECT (SELECT count(*) FROM pg_index), (SELECT count(*) FROM notes),
                   (SELECT count(*) FROM pg_class WHERE relname LIKE 'rushes_%ample')";
        PostgresServer::shared().psql("advice", sql)
    };
    let before = state();
    let advice = fixture.store.sql().advise(examples).await.unwrap();
    let found = advice[0].suggestion.as_ref().unwrap();
    assert!(found.sql.contains("ON \"notes\" (\"video_id\", \"rank\")"), "{found:?}");
    assert!(found.after_micros * 2 <= found.before_micros && found.bytes > 100_000, "{found:?}");
    assert!(found.write_cost_percent.is_some(), "{found:?}");
    let note = |at: usize| advice[at].note.as_deref().unwrap_or_default();
    assert!(advice[1].suggestion.is_none() && !note(1).is_empty(), "{:?}", advice[1]);
    assert!(note(2).contains("does not exist"), "{:?}", advice[2]);
    assert!(note(3).contains("only reading"), "{:?}", advice[3]);
    assert!(note(4).contains("more than 2 s"), "{:?}", advice[4]);
    assert_eq!(state(), before, "advice altered the library");
}
