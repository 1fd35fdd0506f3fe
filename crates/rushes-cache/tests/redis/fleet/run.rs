//! Starts the fleet, treats its Redis badly, and judges the history.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::checker::{Verdict, check};
use super::history::Line;
use super::member::{DEAF, KEYS, TOLD};
use crate::cluster::Cluster;
use crate::proxy::Proxy;
use crate::server::Server;

const MEMBERS: u32 = 3;

/// How long after it was told a write may stay unseen by other processes: without faults that is
/// within milliseconds; a member that is cut off serves what is `DEAF` old until it notices, and
/// then what it loads for as long again. The rest is for a machine that is busy with other tests.
const BOUND: Duration = Duration::from_millis(2 * DEAF.as_millis() as u64 + 2_000);

struct Fleet {
    children: Vec<(Child, JoinHandle<Vec<Line>>)>,
    _folder: TempDir,
}

impl Fleet {
    /// Starts a member for each URL, for so long; each rests so long between two deeds.
    fn start(urls: &[String], lasts: Duration, pause: Duration) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("versions"), vec![0; KEYS as usize * 8]).unwrap();
        let member = |(number, url): (usize, &String)| {
            let (millis, pause) = (lasts.as_millis(), pause.as_micros());
            let place = folder.path().display();
            let told = format!("{place} {url} {number} {MEMBERS} {millis} {pause}");
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "fleet::member::child", "--nocapture"])
                .env(TOLD, told)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let out = BufReader::new(child.stdout.take().unwrap());
            let process = number as u32;
            let read = move || {
                let deeds = out.lines().filter_map(|line| line.unwrap().parse().ok());
                deeds.map(|deed| Line { process, deed }).collect()
            };
            (child, std::thread::spawn(read))
        };
        Self { children: urls.iter().enumerate().map(member).collect(), _folder: folder }
    }

    /// Waits for all members; their deeds.
    fn history(self) -> Vec<Line> {
        let mut history = Vec::new();
        for (mut child, lines) in self.children {
            history.extend(lines.join().unwrap());
            assert!(child.wait().unwrap().success(), "a member of the fleet failed");
        }
        history
    }
}

/// Kills, stops, empties and cuts off, again and again, until the time is over.
async fn mistreat(servers: &mut [Server], wires: &[Proxy], lasts: Duration) {
    let until = Instant::now() + lasts;
    let rest = async |millis| tokio::time::sleep(Duration::from_millis(millis)).await;
    for round in 0.. {
        rest(600).await;
        if Instant::now() > until {
            return;
        }
        let server = round % servers.len();
        match round % 4 {
            0 => {
                servers[server].pause();
                rest(700).await;
                servers[server].resume();
            }
            1 => {
                servers[server].kill();
                rest(400).await;
                servers[server].restart();
            }
            2 if !wires.is_empty() => {
                let wire = &wires[round / 4 % wires.len()];
                wire.cut();
                rest(900).await;
                wire.mend();
            }
            _ => redis::cmd("FLUSHALL").exec(&mut servers[server].plain()).unwrap_or_default(),
        }
    }
}

fn judge(history: &[Line]) -> Verdict {
    let verdict = check(history, BOUND.as_nanos() as u64);
    println!(
        "{} reads ({} with a token, {} bound to see another's write), {} writes ({} told late)",
        verdict.reads, verdict.with_token, verdict.bound, verdict.writes, verdict.untold,
    );
    assert!(verdict.broken.is_empty(), "{:#?}", verdict.broken);
    verdict
}

async fn alone(lasts: Duration, pause: Duration) -> Verdict {
    let mut servers = [Server::start()];
    let mut wires = Vec::new();
    for _ in 0..MEMBERS {
        wires.push(Proxy::to(servers[0].port).await);
    }
    let urls: Vec<String> = wires.iter().map(Proxy::url).collect();
    let fleet = Fleet::start(&urls, lasts, pause);
    mistreat(&mut servers, &wires, lasts.saturating_sub(Duration::from_secs(3))).await;
    judge(&tokio::task::spawn_blocking(|| fleet.history()).await.unwrap())
}

async fn clustered(lasts: Duration, pause: Duration) -> Verdict {
    let mut cluster = Cluster::start();
    let urls = vec![cluster.url(); MEMBERS as usize];
    let fleet = Fleet::start(&urls, lasts, pause);
    mistreat(&mut cluster.0, &[], lasts.saturating_sub(Duration::from_secs(5))).await;
    judge(&tokio::task::spawn_blocking(|| fleet.history()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stale_is_read_whatever_becomes_of_redis() {
    let mut total = Verdict::default();
    // A machine that is busy with other tests needs more than one round for as much.
    for _ in 0..ROUNDS {
        total.add(alone(Duration::from_secs(12), Duration::from_millis(1)).await);
        if is_enough(&total) {
            return;
        }
    }
    panic!("too little was tested: {total:?}");
}

/// Rounds at most until enough was tested.
const ROUNDS: usize = 8;

fn is_enough(total: &Verdict) -> bool {
    let busy = total.reads > 2_000 && total.writes > 200;
    // Without writes that were told late, Redis was never missed.
    busy && total.with_token > 100 && total.bound > 100 && total.untold > 0
}

/// `make soak`: at least a million operations, over one server and over a cluster.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make soak"]
async fn soak() {
    let mut operations = 0;
    for round in 0.. {
        let lasts = Duration::from_secs(40);
        let verdict = match round % 2 {
            0 => alone(lasts, Duration::ZERO).await,
            _ => clustered(lasts, Duration::ZERO).await,
        };
        operations += verdict.reads + verdict.writes;
        println!("{operations} operations so far");
        if operations >= 1_000_000 && round > 0 {
            return;
        }
    }
}
