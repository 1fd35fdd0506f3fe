//! Times as people and references write them. Spans are rounded down, so that a window that begins
//! there holds the thing; the moment of a frame is rounded up, so that it leads back to the frame.

/// Whole milliseconds of a time in seconds, rounded down. A tenth of a microsecond is forgiven:
/// 1.001 is stored as a binary fraction just below it and must still read 1.001.
pub(super) fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0 + 1e-4).floor() as i64
}

/// `H:MM:SS.mmm`.
pub(super) fn full(seconds: f64) -> String {
    let Parts { sign, hours, minutes, seconds, millis } = Parts::of(seconds);
    format!("{sign}{hours}:{minutes:02}:{seconds:02}.{millis:03}")
}

/// The moment of a frame or of what is seen in it, as [`short`] but rounded up: at this time it is
/// on screen, and the one before no more.
pub(super) fn moment(seconds: f64) -> String {
    short((seconds * 1000.0 - 1e-4).ceil() / 1000.0)
}

/// `M:SS.mmm`, or `H:MM:SS.mmm` from an hour on.
pub(super) fn short(seconds: f64) -> String {
    let Parts { sign, hours, minutes, seconds: secs, millis } = Parts::of(seconds);
    match hours {
        0 => format!("{sign}{minutes}:{secs:02}.{millis:03}"),
        _ => full(seconds),
    }
}

/// `M:SS.s`, or `H:MM:SS.s` from an hour on: for the corner of a picture.
pub(super) fn label(seconds: f64) -> String {
    let mut text = short(seconds);
    text.truncate(text.len() - 2);
    text
}

struct Parts {
    sign: &'static str,
    hours: u64,
    minutes: u64,
    seconds: u64,
    millis: u64,
}

impl Parts {
    fn of(seconds: f64) -> Self {
        let total = millis(seconds);
        let sign = if total < 0 { "-" } else { "" };
        let total = total.unsigned_abs();
        let (minutes, seconds) = (total / 60_000, total / 1000 % 60);
        Self { sign, hours: minutes / 60, minutes: minutes % 60, seconds, millis: total % 1000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_down_but_not_by_binary_fractions() {
        assert_eq!(millis(1.001), 1001);
        assert_eq!(millis(12.4809), 12480);
        assert_eq!(millis(12.479_999), 12479);
        assert_eq!(millis(-0.0401), -41);
        assert_eq!((millis(f64::MAX), millis(f64::MIN)), (i64::MAX, i64::MIN));
    }

    #[test]
    fn a_moment_is_not_before_its_frame() {
        assert_eq!(moment(10.0 / 30.0), "0:00.334");
        assert_eq!(moment(1.001), "0:01.001");
        assert_eq!(moment(-0.0401), "-0:00.040");
    }

    #[test]
    fn hours_are_never_lost() {
        assert_eq!(full(12.48), "0:00:12.480");
        assert_eq!(full(93784.5678), "26:03:04.567");
        assert_eq!(short(75.12), "1:15.120");
        assert_eq!(short(3600.0), "1:00:00.000");
        assert_eq!(short(-0.04), "-0:00.040");
    }

    #[test]
    fn a_label_is_never_ahead_of_its_frame() {
        assert_eq!(label(59.99), "0:59.9");
        assert_eq!(label(3725.55), "1:02:05.5");
    }
}
