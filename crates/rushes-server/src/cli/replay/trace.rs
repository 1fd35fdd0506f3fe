//! A recorded trace of reads: `time_ms,session,video,data_type,t_start,t_end`, one a line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use rushes::store::Kind;
use rushes::{Error, ErrorKind, Result};

/// The first line of a trace.
const HEADER: &str = "time_ms,session,video,data_type,t_start,t_end";

/// One read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    pub(super) session: String,
    pub(super) video: String,
    pub(super) kind: Kind,
    /// Seconds.
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Reads a trace; an error names the line and what was expected.
pub(super) fn read(path: &Path) -> Result<Vec<Read>> {
    let name = path.display();
    let broken = |why: String| Error::new(ErrorKind::Unsupported, format!("{name}: {why}"));
    let file = File::open(path).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Invalid,
        };
        Error::caused(kind, format!("{name}: {error}"), error)
    })?;
    let mut reads = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|error| broken(format!("line {number}: {error}")))?;
        match number {
            1 if line.trim() == HEADER => {}
            1 => return Err(broken(format!("line 1: expected `{HEADER}`"))),
            _ if line.trim().is_empty() => {}
            _ => reads.push(one(&line).map_err(|why| broken(format!("line {number}: {why}")))?),
        }
    }
    if reads.is_empty() {
        return Err(broken("holds no reads".to_owned()));
    }
    Ok(reads)
}

fn one(line: &str) -> std::result::Result<Read, String> {
    let fields: Vec<&str> = line.trim().split(',').collect();
    let &[_, session, video, kind, from, to] = fields.as_slice() else {
        return Err(format!("expected 6 fields, found {}", fields.len()));
    };
    let seconds = |name: &str, text: &str| {
        let number = text.parse::<f64>().ok().filter(|number| (0.0..1e6).contains(number));
        number.ok_or_else(|| format!("{name} must be 0 to 1000000 seconds"))
    };
    let (from, to) = (seconds("t_start", from)?, seconds("t_end", to)?);
    if to < from {
        return Err("t_end is before t_start".to_owned());
    }
    let kind = Kind::new(kind).map_err(|error| error.to_string())?;
    Ok(Read { session: session.to_owned(), video: video.to_owned(), kind, from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_read() {
        let read = one("11460,s0,yC7,frames,0.00,60.50").unwrap();
        assert_eq!((read.session.as_str(), read.video.as_str()), ("s0", "yC7"));
        assert_eq!((read.kind.as_str(), read.from, read.to), ("frame", 0.0, 60.5));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (line, word) in [
            ("1,s,v,frames,0", "6 fields"),
            ("1,s,v,frames,NaN,1", "t_start"),
            ("1,s,v,frames,2,1", "before"),
            ("1,s,v,UPPER,1,2", "kind"),
        ] {
            assert!(one(line).unwrap_err().contains(word), "{line}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace.csv");
        std::fs::write(&file, format!("{HEADER}\n1,s,v,frames,0,1\n1,s,v\n")).unwrap();
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains("trace.csv: line 3: expected 6 fields"), "{error}");
        std::fs::write(&file, "a,b\n").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("line 1"));
    }
}
