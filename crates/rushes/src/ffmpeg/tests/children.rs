//! A child keeps to its bounds and never outlives its reader.

use std::time::{Duration, Instant};

use crate::error::Kind;
use crate::ffmpeg::Limits;
use crate::ffmpeg::child::{Child, Program};
use crate::ffmpeg::input::words;

/// Decodes an endless picture into nothing: the hostile work of these tests.
async fn endless(words_before: &[&str], limits: &Limits) -> Child {
    let mut arguments = words(["-nostdin", "-nostats", "-loglevel", "level+error"]);
    arguments.extend(words_before.iter().map(Into::into));
    arguments.extend(words(["-f", "lavfi", "-i", "testsrc2=s=640x480", "-f", "null", "-"]));
    let path = std::path::Path::new("endless.mp4");
    Child::start(Program::Ffmpeg, arguments, path, limits).await.unwrap()
}

fn runs(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[tokio::test]
async fn silence_is_not_waited_for_longer_than_allowed() {
    let limits = Limits { stall: Duration::from_millis(300), ..Limits::default() };
    let mut child = endless(&[], &limits).await;
    let begun = Instant::now();
    let error = child.pass_over().await.unwrap_err();
    assert!(error.to_string().contains("endless.mp4: ffmpeg gave nothing for 0.3 s"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn cpu_time_is_bounded() {
    // On a busy machine a second of CPU takes long.
    let (cpu, stall) = (Duration::from_secs(1), Duration::from_secs(600));
    let limits = Limits { cpu, stall, ..Limits::default() };
    let mut child = endless(&[], &limits).await;
    child.pass_over().await.unwrap();
    let error = child.finish().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("more than 1 s of CPU"), "{error}");
}

#[tokio::test]
async fn memory_is_bounded() {
    let limits = Limits { memory: 64 << 20, ..Limits::default() };
    let mut child = endless(&[], &limits).await;
    child.pass_over().await.unwrap();
    child.finish().await.unwrap_err();
}

#[tokio::test]
async fn a_dropped_child_is_killed() {
    let child = endless(&[], &Limits::default()).await;
    let process = child.process_id().unwrap();
    assert!(runs(process));
    drop(child);
    // The kernel delivers the signal in its own time.
    let begun = Instant::now();
    while runs(process) {
        assert!(begun.elapsed() < Duration::from_secs(20), "it still runs");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_environment_does_not_reach_it() {
    let child = endless(&[], &Limits::default()).await;
    let process = child.process_id().unwrap();
    let variables = std::fs::read(format!("/proc/{process}/environ")).unwrap();
    let names: Vec<_> = variables
        .split(|&byte| byte == 0)
        .filter(|variable| !variable.is_empty())
        .map(|variable| String::from_utf8_lossy(variable).split('=').next().unwrap().to_owned())
        .collect();
    assert!(
        names.iter().all(|name| ["PATH", "MALLOC_ARENA_MAX"].contains(&name.as_str())),
        "{names:?}"
    );
}

#[test]
fn a_child_outlives_the_thread_that_asked_for_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let asked = std::thread::spawn(move || {
        handle.block_on(async { endless(&[], &Limits::default()).await })
    });
    let child = asked.join().unwrap();
    let process = child.process_id().unwrap();
    assert!(runs(process), "it died with the thread");
    runtime.block_on(async { drop(child) });
}
