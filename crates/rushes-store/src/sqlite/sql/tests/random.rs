//! Writes at random, by us and by others: cached answers are always the database's.

use proptest::prelude::*;

use super::{Fixture, execute, foreign};
use crate::sql::{Batch, Query, SqlParams, SqlValue};

/// What the property test does between two questions.
#[derive(Clone, Debug)]
enum Step {
    Foreign(usize, i64, &'static str, &'static str),
    Own(usize, i64, &'static str, &'static str),
    Bulk(i64, &'static str),
}

const WRITES: [&str; 9] = [
    "INSERT OR IGNORE INTO notes VALUES ({n}, '{a}', {n}, 'w{n}')",
    "INSERT OR REPLACE INTO notes VALUES ({n}, '{a}', 0, 'w{n}')",
    "REPLACE INTO notes (video_id, rank, word) VALUES ('{a}', 1, 'w{n}')",
    "UPDATE notes SET video_id = '{b}' WHERE video_id = '{a}' AND id > {n}",
    "UPDATE OR REPLACE notes SET id = {n} WHERE video_id = '{a}'",
    "UPDATE OR REPLACE notes SET word = 'w{n}' WHERE id = (SELECT min(id) FROM notes)",
    "DELETE FROM notes WHERE video_id = '{a}' AND id < {n}",
    "INSERT INTO notes VALUES ({n}, '{a}', 5, NULL) ON CONFLICT (id) DO UPDATE SET video_id = '{b}'",
    "DELETE FROM notes WHERE id = {n}",
];

const READS: [&str; 10] = [
    "SELECT * FROM notes WHERE video_id = ?1 ORDER BY id",
    "SELECT * FROM notes WHERE video_id IN (?1, 'b') ORDER BY id",
    "SELECT count(*), sum(rank) FROM notes",
    "SELECT * FROM notes n WHERE n.video_id = ?1 AND EXISTS
     (SELECT 1 FROM notes m WHERE m.video_id = 'b' AND m.id > n.id) ORDER BY id",
    "SELECT n.id, m.id FROM notes n LEFT JOIN notes m ON m.video_id = 'c' AND m.rank = n.rank
     WHERE n.video_id = ?1 ORDER BY 1, 2",
    "SELECT * FROM notes WHERE video_id = ?1 COLLATE NOCASE ORDER BY id",
    "SELECT * FROM by_word WHERE video_id = ?1 ORDER BY word, id",
    "WITH c AS (SELECT * FROM notes WHERE video_id = ?1) SELECT count(*) FROM c, notes",
    "SELECT * FROM notes WHERE NOT (video_id = ?1) ORDER BY id",
    "SELECT * FROM notes WHERE video_id = ?1 UNION SELECT * FROM notes WHERE video_id = 'c' ORDER BY 1",
];

fn step() -> impl Strategy<Value = Step> {
    let video = || prop::sample::select(vec!["a", "b", "c", "A", "b "]);
    prop_oneof![
        3 => (0..WRITES.len(), 0..12i64, video(), video()).prop_map(|(w, n, a, b)| Step::Foreign(w, n, a, b)),
        2 => (0..WRITES.len(), 0..12i64, video(), video()).prop_map(|(w, n, a, b)| Step::Own(w, n, a, b)),
        1 => (0..12i64, video()).prop_map(|(n, a)| Step::Bulk(n, a)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever is written by whomever, cached answers are those that the database would give.
    #[test]
    fn cached_answers_are_the_databases(steps in prop::collection::vec(step(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new();
            fixture.foreign("CREATE VIEW by_word AS SELECT word, video_id, id FROM notes");
            let write = |which: usize, n: i64, a: &str, b: &str| {
                WRITES[which].replace("{n}", &n.to_string()).replace("{a}", a).replace("{b}", b)
            };
            for step in steps {
                for sql in READS {
                    for video in ["a", "b", "c"] {
                        let params = if sql.contains("?1") { vec![video] } else { vec![] };
                        let query = Query::new(sql, params);
                        let (cached, _) = fixture.ask(&query).await;
                        let bare = fixture.sql().read(&query).await.unwrap();
                        assert_eq!(cached, bare, "{sql} {video} before {step:?}");
                    }
                }
                match step {
                    Step::Foreign(which, n, a, b) => {
                        let _ = foreign(&fixture.path).execute_batch(&write(which, n, a, b));
                    }
                    Step::Own(which, n, a, b) => {
                        let _ = execute(&fixture, &write(which, n, a, b)).await;
                    }
                    Step::Bulk(n, a) => {
                        let row = vec![SqlValue::from(n), a.into(), 3.into()];
                        let batch = Batch::new(
                            "INSERT INTO notes (id, video_id, rank) VALUES (?, ?, ?)",
                            vec![SqlParams::Positional(row)],
                        );
                        fixture.sql().execute_batch(batch, None).await.unwrap();
                    }
                }
            }
        });
    }
}
