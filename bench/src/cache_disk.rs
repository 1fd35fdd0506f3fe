//! The disk tier: a hit, and opening what a restart left.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use rushes_cache::{Disk, Entry, Key, Scope, Tier};

use crate::figure::{Figure, Goal, Report, median};

const VALUE: usize = 20 * 1024;
/// 10 GB. What opening costs grows with the number of records, so they are small.
const RECORDS: usize = 2_400_000;
const SMALL: usize = 4 * 1024;
const CAPACITY: u64 = 12 << 30;

/// A hit of 20 KB in page cache, and opening 10 GB, which the disk must have room for.
pub(crate) fn l3(report: &mut Report) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    // On the disk itself, not on a memory file system.
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    let task = async move {
        let disk = Disk::open(folder.path(), CAPACITY)?;
        let hit = hits(&disk).await?;
        write(&disk, RECORDS, SMALL).await?;
        disk.close().await?;
        drop(disk);
        let start = Instant::now();
        let disk = Disk::open(folder.path(), CAPACITY)?;
        let opened = start.elapsed().as_secs_f64();
        if disk.stats().entries < RECORDS {
            bail!("records were lost: {} are left", disk.stats().entries);
        }
        anyhow::Ok((hit, opened))
    };
    let (hit, opened) = runtime.block_on(runtime.spawn(task))??;
    report.add(&Figure {
        name: "cache.l3_hit",
        value: hit,
        peer: 60.0,
        unit: "us",
        goal: Goal::AtMost(1.0),
        against: "60 us for 20 KB in page cache, median".to_owned(),
    });
    report.add(&Figure {
        name: "cache.l3_open",
        value: opened,
        peer: 1.0,
        unit: "s",
        goal: Goal::AtMost(1.0),
        against: "1 s for 10 GB in 2,400,000 records of 4 KB".to_owned(),
    });
    Ok(())
}

async fn hits(disk: &Disk) -> Result<f64> {
    write(disk, 1_000, VALUE).await?;
    let mut times = Vec::new();
    for look in 0..10_000 {
        let key = key(look * 7 % 1_000);
        let start = Instant::now();
        let entry = disk.get(&key).await?;
        times.push(start.elapsed().as_nanos() as f64 / 1000.0);
        entry.context("a written entry was missed")?;
    }
    Ok(median(times))
}

async fn write(disk: &Disk, records: usize, bytes: usize) -> Result<()> {
    let value = Bytes::from(vec![7; bytes]);
    for n in 0..records {
        let key = key(n);
        let stamp = disk.stamp(&key, &[Scope::new("all")]).await?;
        disk.put(&key, &Entry::new(Some(value.clone())), &stamp).await?;
    }
    Ok(())
}

fn key(n: usize) -> Key {
    Key::new("pictures", format!("video/{n}"))
}
