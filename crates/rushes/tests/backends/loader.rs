//! What many tasks ask one by one goes to PostgreSQL as one statement; SQLite's is in `tests/sql.rs`.

use std::time::Instant;

use rushes::ErrorKind;
use rushes::sql::{Batch, SqlParams, SqlRequest, SqlValue};

use crate::library::Library;

#[tokio::test(flavor = "multi_thread")]
async fn what_many_tasks_ask_one_by_one_is_one_statement() {
    let library = Library::postgres("loader").await;
    let rushes = &library.rushes;
    library.execute("CREATE TABLE notes (id SERIAL PRIMARY KEY, video_id TEXT, n INT)").await;
    library.execute("CREATE INDEX notes_of_video ON notes (video_id)").await;
    let row = |n: i64| SqlParams::Positional(vec![format!("v{}", n % 50).into(), n.into()]);
    let insert = "INSERT INTO notes (video_id, n) VALUES ($1, $2)";
    let filled = rushes.execute_batch(Batch::new(insert, (0..200).map(row).collect()), None).await;
    assert_eq!(filled.unwrap().executed, 200);
    let sql = "SELECT video_id, n FROM notes WHERE video_id IN ($1) ORDER BY n";
    let loader = rushes.loader(sql, "video_id").unwrap();
    let ask = || async {
        let loads = (0..50).map(|n| loader.load(format!("v{n}")));
        futures::future::join_all(loads).await
    };
    let asked = || -> u64 {
        let statements = rushes.statements(100);
        statements.iter().filter(|one| one.verb == "SELECT").map(|one| one.count).sum()
    };
    for (n, rows) in ask().await.into_iter().enumerate() {
        let rows = rows.unwrap();
        assert_eq!(rows.rows.len(), 4);
        assert!(rows.rows.iter().all(|row| row[0] == format!("v{n}").into()));
    }
    assert_eq!(asked(), 1, "{:?}", rushes.statements(10));
    ask().await;
    assert_eq!(asked(), 1, "each key is cached for itself");
    library.execute("INSERT INTO notes (video_id, n) VALUES ('v7', 1000)").await;
    let again = ask().await;
    assert_eq!(again[7].as_ref().unwrap().rows.len(), 5);
    assert_eq!(asked(), 2, "one key was asked for again");
    assert_eq!(loader.load("nothing").await.unwrap().rows.len(), 0);
    assert_eq!(loader.load(SqlValue::Null).await.unwrap_err().kind(), ErrorKind::Invalid);
    let wrong = rushes.loader("SELECT nil FROM notes WHERE video_id IN (?)", "nil").unwrap();
    let (a, b) = tokio::join!(wrong.load("a"), wrong.load("b"));
    assert!(a.is_err() && b.unwrap_err().to_string().contains("nil"));
    assert!(rushes.loader("SELECT $1 FROM notes WHERE n IN ($1)", "n").is_err());
}

/// Told, not judged: how much quicker fifty reads are together than one by one, none of them cached.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_reads_together_and_one_by_one() {
    let library = Library::postgres("loader times").await;
    library.execute("CREATE TABLE notes (id SERIAL PRIMARY KEY, video_id TEXT, n INT)").await;
    let loader = library
        .rushes
        .loader("SELECT video_id, n FROM notes WHERE video_id IN (?)", "video_id")
        .unwrap();
    loader.load("warm").await.unwrap();
    for round in 0..3 {
        library.execute("INSERT INTO notes (video_id, n) VALUES ('v', 1)").await;
        let began = Instant::now();
        for n in 0..50 {
            let sql = "SELECT video_id, n FROM notes WHERE video_id = $1";
            let request = SqlRequest::new(sql, vec![format!("a{round}-{n}")]);
            library.rushes.query(&request).await.unwrap();
        }
        let single = began.elapsed();
        let began = Instant::now();
        let loads = (0..50).map(|n| loader.load(format!("b{round}-{n}")));
        let loaded = futures::future::join_all(loads).await;
        assert!(loaded.iter().all(Result::is_ok));
        println!("one by one {single:?}, together {:?}", began.elapsed());
    }
}
