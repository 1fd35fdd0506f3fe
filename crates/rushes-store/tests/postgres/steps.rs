//! Random writes and reads: cached answers are those that the database would give, whoever writes.

use proptest::prelude::*;
use rushes_store::testing::PostgresServer;
use rushes_store::{Batch, Query, SqlParams, SqlValue, Store};

use crate::cached::{Fixture, MINUTE};

/// What happens between two questions: who writes, what, about which rows and videos.
#[derive(Clone, Debug)]
struct Step {
    who: Who,
    write: usize,
    n: i64,
    a: &'static str,
    b: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    /// Another connection.
    Other,
    /// Another process.
    Psql,
    Own,
    Bulk,
}

const WRITES: [&str; 11] = [
    "INSERT INTO notes VALUES ({n}, '{a}', {n}, 'w{n}') ON CONFLICT DO NOTHING",
    "INSERT INTO notes VALUES ({n}, '{a}', 5, NULL) ON CONFLICT (id) DO UPDATE SET video_id = '{b}'",
    "UPDATE notes SET video_id = '{b}' WHERE video_id = '{a}' AND id > {n}",
    "UPDATE notes SET rank = rank + 1 WHERE id = {n}",
    "UPDATE notes SET video_id = NULL WHERE id = {n}",
    "DELETE FROM notes WHERE video_id = '{a}' AND id < {n}",
    "DELETE FROM notes WHERE id = {n}",
    "WITH moved AS (DELETE FROM notes WHERE id = {n} RETURNING *)
     INSERT INTO notes SELECT id + 20, '{b}', rank, word FROM moved ON CONFLICT DO NOTHING",
    "TRUNCATE notes",
    "CREATE OR REPLACE VIEW by_word AS SELECT word, video_id, id FROM notes WHERE id > {n}",
    "ALTER TABLE notes ALTER word SET DEFAULT '{a}'",
];

const READS: [&str; 10] = [
    "SELECT * FROM notes WHERE video_id = $1 ORDER BY id",
    "SELECT * FROM notes WHERE video_id IN ($1, 'b') ORDER BY id",
    "SELECT count(*), sum(rank) FROM notes",
    "SELECT * FROM notes n WHERE n.video_id = $1 AND EXISTS
     (SELECT 1 FROM notes m WHERE m.video_id = 'b' AND m.id > n.id) ORDER BY id",
    "SELECT n.id, m.id FROM notes n LEFT JOIN notes m ON m.video_id = 'c' AND m.rank = n.rank
     WHERE n.video_id = $1 ORDER BY 1, 2",
    "SELECT * FROM notes WHERE lower(video_id) = $1 ORDER BY id",
    "SELECT * FROM by_word WHERE video_id = $1 ORDER BY word, id",
    "WITH c AS (SELECT * FROM notes WHERE video_id = $1) SELECT count(*) FROM c, notes",
    "SELECT * FROM notes WHERE NOT (video_id = $1) ORDER BY id",
    "SELECT * FROM notes WHERE video_id = $1 UNION SELECT * FROM notes WHERE video_id = 'c' ORDER BY 1",
];

fn step() -> impl Strategy<Value = Step> {
    let video = || prop::sample::select(vec!["a", "b", "c", "A", "b "]);
    let who = prop_oneof![
        4 => Just(Who::Other),
        1 => Just(Who::Psql),
        3 => Just(Who::Own),
        1 => Just(Who::Bulk),
    ];
    (who, 0..WRITES.len(), 0..12i64, video(), video()).prop_map(|(who, write, n, a, b)| Step {
        who,
        write,
        n,
        a,
        b,
    })
}

impl Step {
    async fn take(&self, fixture: &Fixture) {
        let write = WRITES[self.write]
            .replace("{n}", &self.n.to_string())
            .replace("{a}", self.a)
            .replace("{b}", self.b);
        match self.who {
            Who::Other => fixture.foreign(&write).await,
            Who::Psql => drop(PostgresServer::shared().psql(fixture.name, &write)),
            Who::Own => {
                fixture.store.sql().execute(&write, &SqlParams::NONE, MINUTE).await.unwrap();
            }
            Who::Bulk => {
                let row = vec![SqlValue::from(self.n), self.a.into(), 3.into()];
                let sql = "INSERT INTO notes (id, video_id, rank) VALUES ($1, $2, $3)";
                let batch = Batch::new(sql, vec![SqlParams::Positional(row)]);
                fixture.store.sql().execute_batch(batch, None).await.unwrap();
            }
        }
    }
}

async fn compare(fixture: &Fixture, step: &Step) {
    for sql in READS {
        for video in ["a", "b", "c"] {
            let params = if sql.contains("$1") { vec![video] } else { vec![] };
            let query = Query::new(sql, params);
            let (cached, _) = fixture.ask(&query).await;
            let bare = fixture.store.sql().read(&query).await.unwrap();
            assert_eq!(cached, bare, "{sql} {video} before {step:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn cached_answers_are_the_databases(steps in prop::collection::vec(step(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new("steps").await;
            fixture.foreign("CREATE VIEW by_word AS SELECT word, video_id, id FROM notes").await;
            for step in steps {
                compare(&fixture, &step).await;
                step.take(&fixture).await;
            }
        });
    }
}
