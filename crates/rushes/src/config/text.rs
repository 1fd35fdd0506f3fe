//! Settings as text: paths, bytes, times. An error says what was wanted.

use std::path::PathBuf;
use std::time::Duration;

use super::{Database, Prefetching};

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err("a path".into());
    }
    Ok(text.into())
}

pub(super) fn database(text: &str) -> Result<Database, String> {
    match text.split_once("://") {
        Some(("postgres" | "postgresql", _)) => Ok(Database::Postgres(text.to_owned())),
        Some(_) => Err("a file, or postgres://user:password@host:port/name".into()),
        None => path(text).map(Database::File),
    }
}

pub(super) fn prefetching(text: &str) -> Result<Prefetching, String> {
    let all = [Prefetching::Off, Prefetching::Related, Prefetching::Learned];
    let found = all.into_iter().find(|way| way.name() == text.trim());
    found.ok_or_else(|| "learned, related or off".to_owned())
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("true or false".into()),
    }
}

/// A number and its unit, as `1.5GB` or `500 ms`.
fn quantity(text: &str) -> Option<(f64, String)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    Some((number, text[digits..].trim().to_lowercase()))
}

pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let wanted = || "bytes, as 256MB or 2GB".to_owned();
    let (number, unit) = quantity(text).ok_or_else(wanted)?;
    let scale: u64 = match unit.as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(wanted()),
    };
    Ok((number * scale as f64) as u64)
}

pub(super) fn duration(text: &str, unit_seconds: f64) -> Result<Duration, String> {
    let wanted = || "a time, as 500ms, 30s, 5m or 24h".to_owned();
    let (number, unit) = quantity(text).ok_or_else(wanted)?;
    let scale = match unit.as_str() {
        "" => unit_seconds,
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wanted()),
    };
    Duration::try_from_secs_f64(number * scale).map_err(|_| wanted())
}
