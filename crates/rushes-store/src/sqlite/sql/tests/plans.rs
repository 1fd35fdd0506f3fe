//! Plans, and indexes that would help.

use super::{Fixture, foreign, rows_of};
use crate::sql::{Batch, Example};

#[tokio::test(flavor = "multi_thread")]
async fn plans_and_advice_name_what_is_dear_and_what_would_help() {
    let fixture = Fixture::new();
    let rows = rows_of(10..20_000);
    let insert = "INSERT INTO notes (video_id, rank, word) VALUES (?, ?, ?)";
    fixture.sql().execute_batch(Batch::new(insert, rows), None).await.unwrap();
    let sql = "SELECT n.word FROM notes n WHERE n.video_id = ? AND n.rank > 19900 ORDER BY n.rank";
    let plan = fixture.sql().explain(sql).await.unwrap();
    assert_eq!(plan.warnings, ["reads all of notes", "sorts in memory for ORDER BY"]);
    assert_eq!(plan.reads, ["notes/?1"]);
    let example = |sql: &str, params: Vec<&str>| Example {
        sql: sql.into(),
        params: params.into(),
        count: 3,
        total_micros: 9,
    };
    let before: i64 =
        foreign(&fixture.path).query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
    let examples = vec![
        example(sql, vec!["v1"]),
        example("SELECT * FROM notes WHERE id = ?", vec!["5"]),
        example("SELECT * FROM gone", vec![]),
    ];
    let advice = fixture.sql().advise(examples).await.unwrap();
    let found = advice[0].suggestion.as_ref().unwrap();
    assert_eq!(
        found.sql,
        "CREATE INDEX \"notes_by_video_id_rank\" ON \"notes\" (\"video_id\", \"rank\")"
    );
    assert!(found.after_micros * 2 <= found.before_micros && found.bytes > 100_000, "{found:?}");
    assert!(found.write_cost_percent.is_some(), "{found:?}");
    assert!(advice[1].suggestion.is_none() && advice[1].note.is_some(), "{:?}", advice[1]);
    assert!(advice[2].note.as_ref().unwrap().contains("no such table"), "{:?}", advice[2]);
    let after: i64 =
        foreign(&fixture.path).query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
    assert_eq!(before, after, "advice altered the library");
}
