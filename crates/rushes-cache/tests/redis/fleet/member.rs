//! One process of the fleet: writes its own keys, reads all, and reports every deed.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rushes_cache::{Cache, Fetched, Key, Loaded, Redis, RedisOptions, Scope, Token};

use super::history::{Deed, now};

/// What the parent tells a member: folder, URL, number, members, milliseconds, pause.
pub(super) const TOLD: &str = "RUSHES_CACHE_FLEET_MEMBER";

pub(super) const KEYS: u32 = 48;
/// Keys of one video.
const PER_VIDEO: u32 = 6;
/// How long a node serves what it has when it hears nothing.
pub(super) const DEAF: Duration = Duration::from_millis(500);
/// How long a read waits for a token.
const AT_MOST: Duration = Duration::from_millis(50);

/// The source: a file with one number for each key, and one file for each key's last token.
#[derive(Debug)]
struct Source {
    versions: File,
    folder: PathBuf,
}

impl Source {
    fn open(folder: &Path) -> Self {
        let versions = OpenOptions::new().read(true).write(true).open(folder.join("versions"));
        Self { versions: versions.unwrap(), folder: folder.to_owned() }
    }

    fn read(&self, key: u32) -> u64 {
        let mut bytes = [0; 8];
        self.versions.read_exact_at(&mut bytes, u64::from(key) * 8).unwrap();
        u64::from_be_bytes(bytes)
    }

    fn write(&self, key: u32, version: u64) {
        self.versions.write_all_at(&version.to_be_bytes(), u64::from(key) * 8).unwrap();
    }

    /// Hands over the token of a write, as a web page would to its next request.
    fn hand_over(&self, key: u32, version: u64, token: &Token) {
        let fresh = self.folder.join(format!("token-{key}.new"));
        std::fs::write(&fresh, format!("{version} {token}")).unwrap();
        std::fs::rename(fresh, self.folder.join(format!("token-{key}"))).unwrap();
    }

    fn token(&self, key: u32) -> Option<(u64, Token)> {
        let text = std::fs::read_to_string(self.folder.join(format!("token-{key}"))).ok()?;
        let (version, token) = text.split_once(' ')?;
        Some((version.parse().ok()?, token.parse().ok()?))
    }
}

/// What all tasks of the member share.
struct Member {
    source: Arc<Source>,
    cache: Cache,
    out: Mutex<BufWriter<std::io::Stdout>>,
    number: u32,
    members: u32,
    pause: Duration,
    over: AtomicBool,
    seed: AtomicU64,
}

impl Member {
    fn report(&self, deed: Deed) {
        writeln!(self.out.lock().unwrap(), "{deed}").unwrap();
    }

    fn random(&self, below: u64) -> u64 {
        let step = |seed: u64| seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let next = |seed| Some(step(seed));
        let seed = self.seed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap();
        (step(seed) >> 33) % below
    }

    async fn rest(&self, times: u32) {
        if self.pause.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(self.pause * times).await;
        }
    }

    async fn write(&self) {
        let mine = KEYS / self.members;
        let mut owed = false;
        while !self.over.load(Ordering::Relaxed) {
            let key = self.number + self.members * self.random(u64::from(mine)) as u32;
            let (version, begin) = (self.source.read(key) + 1, now());
            self.source.write(key, version);
            // Each way to invalidate it.
            match self.random(8) {
                0 => self.cache.remove(&name(key)).await,
                1 => self.cache.clear().await,
                2 => self.cache.invalidate_namespace("fleet").await,
                3 => self.cache.invalidate(&[Scope::new("all")]).await,
                _ => self.cache.invalidate(&[video(key)]).await,
            }
            let (token, end) = (self.cache.token(), now());
            let told = !token.to_string().starts_with("owed");
            self.report(Deed::Write { key, version, begin, end, told });
            self.source.hand_over(key, version, &token);
            if owed && told {
                self.report(Deed::Settled { at: now() });
            }
            owed = !told;
            self.rest(8).await;
        }
    }

    async fn read(&self) {
        while !self.over.load(Ordering::Relaxed) {
            let key = self.random(u64::from(KEYS)) as u32;
            let token = if self.random(16) == 0 { self.source.token(key) } else { None };
            let begin = now();
            let least = token.as_ref().map_or(0, |(version, _)| *version);
            let fetched = self.fetch(key, token.map(|(_, token)| token)).await;
            let end = now();
            self.report(match fetched {
                Some(version) => Deed::Read { key, version, begin, end, least },
                None => Deed::Failed { key, at: end },
            });
            self.rest(1).await;
        }
    }

    async fn fetch(&self, key: u32, token: Option<Token>) -> Option<u64> {
        let (source, wait) = (Arc::clone(&self.source), self.random(40));
        let load = move || async move {
            let version = source.read(key);
            // Some loads take their time after they have read.
            if wait == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let ttl = Some(Duration::from_secs(60));
            Ok(Loaded { bytes: Some(version.to_be_bytes().to_vec().into()), ttl })
        };
        let (name, scopes) = (name(key), [video(key), Scope::new("all")]);
        let fetched: Result<Fetched, _> = match token {
            Some(token) => {
                self.cache.get_or_load_after(&token, AT_MOST, &name, &scopes, load).await
            }
            None => self.cache.get_or_load(&name, &scopes, load).await,
        };
        let bytes = fetched.ok()?.value?.to_bytes();
        Some(u64::from_be_bytes(bytes[..].try_into().ok()?))
    }
}

fn video(key: u32) -> Scope {
    Scope::path(["video", &(key / PER_VIDEO).to_string()])
}

fn name(key: u32) -> Key {
    Key::new("fleet", format!("video/{}/{key}", key / PER_VIDEO))
}

/// Not a test of its own: what a member of the fleet does until its time is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let words: Vec<&str> = told.split(' ').collect();
    let [folder, url, number, members, millis, pause] = words[..] else { panic!("{told}") };
    let options = RedisOptions { deaf: Some(DEAF), ..RedisOptions::default() };
    let cache = Cache::builder().memory(8 << 20).tier(Redis::open(url, options).unwrap()).build();
    let number = number.parse().unwrap();
    let member = Arc::new(Member {
        source: Arc::new(Source::open(Path::new(folder))),
        cache,
        out: Mutex::new(BufWriter::new(std::io::stdout())),
        number,
        members: members.parse().unwrap(),
        pause: Duration::from_micros(pause.parse().unwrap()),
        over: AtomicBool::new(false),
        seed: AtomicU64::new(u64::from(number) + 7),
    });
    let mut tasks = vec![tokio::spawn({
        let member = Arc::clone(&member);
        async move { member.write().await }
    })];
    for _ in 0..3 {
        let member = Arc::clone(&member);
        tasks.push(tokio::spawn(async move { member.read().await }));
    }
    tokio::time::sleep(Duration::from_millis(millis.parse().unwrap())).await;
    member.over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    member.out.lock().unwrap().flush().unwrap();
}
