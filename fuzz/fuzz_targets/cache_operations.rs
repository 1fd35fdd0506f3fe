//! Any sequence of reads, writes and invalidations: a read is never older than what was invalidated
//! before it began.

#![no_main]

use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rushes_cache::{Cache, Clock, Key, Loaded, Pattern, Scope, Settings};

const KEYS: u8 = 8;

fuzz_target!(|operations: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(run(operations.get(..400).unwrap_or(operations)));
});

async fn run(operations: &[u8]) {
    let clock = Clock::manual();
    let (second, jitter) = (Duration::from_secs(1), 0.0);
    let aging = Settings {
        ttl: Some(3 * second),
        soft_ttl: Some(second),
        stand_in: Some(2 * second),
        retry: Duration::ZERO,
        jitter,
        ..Settings::default()
    };
    let builder = Cache::builder().memory(1 << 16).entries(5).clock(clock.clone());
    let cache = builder.namespace("aging", aging).build();
    // The source, and the oldest version that may still be read of each key.
    let (mut source, mut oldest) = ([0u8; KEYS as usize], [0u8; KEYS as usize]);
    for operation in operations {
        let n = operation % KEYS;
        let at = usize::from(n);
        let key = Key::new(if n < 4 { "plain" } else { "aging" }, [b'k', b'0' + n]);
        let scope = |n: u8| Scope::new(format!("half/{}", n % 2));
        let covered: Vec<usize> = match operation / KEYS {
            0..=9 => {
                let now = source[at];
                let fails = operation / KEYS == 9;
                let load = move || async move {
                    if fails {
                        return Err(std::sync::Arc::new(std::fmt::Error) as _);
                    }
                    Ok(Loaded { bytes: Some(Bytes::from(vec![now])), ttl: None })
                };
                if let Ok(fetched) = cache.get_or_load(&key, &[scope(n)], load).await {
                    let read = fetched.value.unwrap().bytes()[0];
                    assert!(read >= oldest[at], "key {n}: read {read}, {} is out", oldest[at]);
                }
                vec![]
            }
            10..=14 => {
                source[at] = source[at].saturating_add(1);
                vec![]
            }
            15..=17 => {
                cache.invalidate(&[scope(n)]).await;
                (0..KEYS).filter(|other| other % 2 == n % 2).map(usize::from).collect()
            }
            18..=20 => {
                cache.remove(&key).await;
                vec![at]
            }
            21..=24 => {
                cache.invalidate_matching(&Pattern::across("*a*", &format!("?{n}"))).await;
                vec![at]
            }
            25 => {
                cache.invalidate_namespace("aging").await;
                (4..usize::from(KEYS)).collect()
            }
            26 => {
                cache.clear().await;
                (0..usize::from(KEYS)).collect()
            }
            27 => {
                tokio::task::yield_now().await;
                vec![]
            }
            _ => {
                clock.advance(Duration::from_millis(u64::from(n) * 300));
                vec![]
            }
        };
        covered.into_iter().for_each(|at| oldest[at] = source[at]);
    }
}
