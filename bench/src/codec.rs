//! The frame codec on one core against `cwebp`.

use anyhow::Result;
use rushes_codec::image::webp_from_yuv;
use rushes_codec::phash::Look;

use crate::child::own_cpu;
use crate::figure::{Figure, Goal, Report, median};
use crate::footage;
use crate::ingest::{QUALITY, cwebp};

const RUNS: usize = 3;
const FRAMES: u64 = 30;

/// Encoding and looking at 720p frames: milliseconds of processor time a frame, and bytes.
pub(crate) fn frames(report: &mut Report) -> Result<()> {
    // One in each second, away from the clip's black first frames.
    let numbers: Vec<u64> = (1..=FRAMES).map(|second| second * 24 + 5).collect();
    let frames = footage::frames(&footage::minute()?, &numbers)?;
    let quality: f32 = QUALITY.parse()?;
    let per_frame = 1000.0 / FRAMES as f64;
    let (mut ours, mut peers, mut looks) = (Vec::new(), Vec::new(), Vec::new());
    let (mut our_bytes, mut peer_bytes) = (0, 0);
    for _ in 0..RUNS {
        let encoded = cwebp(&frames)?;
        peers.push(encoded.seconds * per_frame);
        peer_bytes = encoded.bytes;

        let before = own_cpu()?;
        our_bytes = 0;
        for frame in &frames {
            our_bytes += webp_from_yuv(frame, quality)?.len() as u64;
        }
        ours.push((own_cpu()? - before) * per_frame);

        let before = own_cpu()?;
        for _ in 0..LOOKS {
            for frame in &frames {
                std::hint::black_box(Look::of_yuv(frame)?);
            }
        }
        looks.push((own_cpu()? - before) * per_frame / LOOKS as f64);
    }
    let (peer, against) = (median(peers), "cwebp on the same frames, one thread".to_owned());
    let figure = |name, value, goal| Figure {
        name,
        value,
        peer,
        unit: "ms/frame",
        goal,
        against: against.clone(),
    };
    report.add(&figure("codec.webp", median(ours), Goal::AtMost(1.05)));
    report.add(&figure("codec.hash", median(looks), Goal::AtMost(0.1)));
    report.add(&Figure {
        name: "codec.webp_bytes",
        value: our_bytes as f64,
        peer: peer_bytes as f64,
        unit: "bytes",
        goal: Goal::AtMost(1.02),
        against: "cwebp on the same frames".to_owned(),
    });
    Ok(())
}

/// Rounds over the frames, since one takes less than the kernel's clock resolves.
const LOOKS: usize = 10;
