//! The server killed in the middle of commits, again and again: what it acknowledged is there
//! afterwards, the database is sound, and no answer that was cached before is served untrue.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::library::Library;
use crate::server::Server;

/// Replays the moments of a run that failed.
const SEED: &str = "RUSHES_TEST_SEED";
/// The disk cache outlives the kill: what it holds must not.
const FLAGS: [&str; 4] = ["--disk", "64MiB", "--sql-http", "true"];
const MESSAGES: &str = "SELECT content FROM conversation WHERE video = ? ORDER BY id";

#[test]
fn a_killed_server_loses_nothing_and_serves_nothing_old() {
    killed(15);
}

/// As often as the figure says; a minute or two.
#[test]
#[ignore = "long: make soak"]
fn soak() {
    killed(200);
}

#[allow(clippy::print_stdout, reason = "shown when the test fails")]
fn killed(times: u64) {
    let (library, id) = Library::with_clip();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
    println!("{SEED}={seed}");
    let written = Written { id, ..Written::default() };
    for round in 0..times {
        let moment = mixed(seed.wrapping_add(round));
        let (acknowledged, micros) = (moment % 30, (moment >> 8) % 8192);
        let server = Server::start_with(&library, &FLAGS);
        written.check(&library, &server);
        written.until_killed(server, acknowledged, Duration::from_micros(micros));
        let doctor = library.run(["--json", "doctor"]);
        assert_eq!((doctor.code, &doctor.json()["problems"]), (0, &json!([])), "{doctor:?}");
    }
    written.check(&library, &Server::start_with(&library, &FLAGS));
    let [messages, ticks] = [&written.messages, &written.ticks].map(|writes| writes.done().len());
    assert!(messages > 0 && ticks > 0, "{messages} messages, {ticks} ticks: nothing was tried");
}

/// A number that looks like chance.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

/// Writes of one sort, numbered from 1: how many were tried, and which were acknowledged.
#[derive(Default)]
struct Writes {
    tried: AtomicU64,
    done: Mutex<Vec<u64>>,
}

impl Writes {
    /// Writes until the server is gone.
    fn go_on(&self, acknowledged: &Sender<()>, write: impl Fn(u64) -> bool) {
        loop {
            let number = self.tried.fetch_add(1, Ordering::SeqCst) + 1;
            if !write(number) {
                return;
            }
            self.done.lock().unwrap().push(number);
            // Nobody counts any more once the server is to be killed.
            let _ = acknowledged.send(());
        }
    }

    fn done(&self) -> Vec<u64> {
        self.done.lock().unwrap().clone()
    }

    fn tried(&self) -> u64 {
        self.tried.load(Ordering::SeqCst)
    }
}

/// What was written to one video: messages, each a number, and a caption that the next replaces.
#[derive(Default)]
struct Written {
    id: String,
    messages: Writes,
    ticks: Writes,
}

impl Written {
    /// Two write and one reads, until the server is killed: some time after so many writes.
    fn until_killed(&self, server: Server, acknowledged: u64, after: Duration) {
        let (told, heard) = channel();
        let also = told.clone();
        let messages = server.url(&format!("/v1/videos/{}/memory", self.id));
        let captions = server.url(&self.captions());
        let (ticks, sql) = (format!("{captions}&name=tick.srt"), server.url("/v1/sql"));
        let asked = self.asked().to_string();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                self.messages.go_on(&told, |number| {
                    let message = json!({ "role": "user", "content": number.to_string() });
                    sent(&messages, "application/json", &message.to_string())
                });
            });
            scope.spawn(move || {
                self.ticks.go_on(&also, |number| {
                    let srt = format!("1\n00:00:01,000 --> 00:00:02,000\ntick {number}\n");
                    sent(&ticks, "application/x-subrip", &srt)
                });
            });
            scope.spawn(move || while sent(&sql, "application/json", &asked) && got(&captions) {});
            for _ in 0..acknowledged {
                heard.recv().expect("the server is there until it is killed");
            }
            // Not to wait for anything: the moment of death is to fall anywhere within a write.
            std::thread::sleep(after);
            drop(server); // killed
        });
    }

    fn asked(&self) -> Value {
        json!({ "sql": MESSAGES, "params": [self.id], "rows": 100_000 })
    }

    fn captions(&self) -> String {
        format!("/v1/videos/{}/entries?kind=caption", self.id)
    }

    /// The server's first answers are those of a process without any cache, and show what was
    /// acknowledged before the kill.
    fn check(&self, library: &Library, server: &Server) {
        let served = server.post_json("/v1/sql", &self.asked()).json()["rows"].clone();
        let values = json!([self.id]).to_string();
        let words = ["--json", "sql", MESSAGES, "--params", &values, "--rows", "100000"];
        assert_eq!(served, library.run(words).json()["rows"], "an old answer");
        let number = |row: &Value| row[0].as_str().unwrap().parse::<u64>().unwrap();
        let there: Vec<u64> = served.as_array().unwrap().iter().map(number).collect();
        let lost = |number: &u64| there.binary_search(number).is_err();
        assert!(there.is_sorted() && there.iter().all(|number| *number <= self.messages.tried()));
        assert!(!self.messages.done().iter().any(lost), "lost messages: only {there:?}");

        let served = server.get(&self.captions()).json()["items"].clone();
        let shown = library.run(["--json", "show", &self.id, "--kind", "caption"]).json();
        assert_eq!(served, shown["items"], "an old answer");
        let ticks = served.as_array().unwrap().iter();
        let number =
            |entry: &Value| entry["data"]["text"].as_str()?.strip_prefix("tick ")?.parse().ok();
        let there: Vec<u64> = ticks.map(|entry| number(entry).unwrap()).collect();
        let last = self.ticks.done().pop();
        assert!(there.len() <= 1, "a half-done replacement is seen: {there:?}");
        assert!(there.first().copied() >= last, "lost ticks: {there:?} after {last:?}");
    }
}

/// Whether the server took it; it does not when it is dead.
fn sent(url: &str, media_type: &str, body: &str) -> bool {
    let answer = ureq::post(url).header("content-type", media_type).send(body);
    // Acknowledged is what was answered to the end.
    answer.is_ok_and(|mut answer| answer.body_mut().read_to_vec().is_ok())
}

fn got(url: &str) -> bool {
    ureq::get(url).call().is_ok_and(|mut answer| answer.body_mut().read_to_vec().is_ok())
}
