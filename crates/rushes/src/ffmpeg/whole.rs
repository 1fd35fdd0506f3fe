//! Whether a file breaks off, for containers whose demuxers don't complain when it does.
//!
//! AVI is a sequence of RIFF chunks, each with its length before it. Every stream of an Ogg file
//! ends in a page that says so, hence the last page of the file does; each page tells its length.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes by which the length that an AVI file gives itself may be wrong: some writers count the
/// chunk's header.
const SLOPPY: u64 = 8;
/// The longest Ogg page, bytes: its header, the table of 255 segments, and those.
const LONGEST_PAGE: u64 = 27 + 255 + 255 * 255;
/// The flag of an Ogg page that ends its stream.
const ENDS: u8 = 4;

/// Whether an AVI or Ogg file breaks off; `false` for files of any other form.
pub(super) fn breaks_off(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut head = [0; 4];
    if length < 4 {
        return Ok(false);
    }
    file.read_exact(&mut head)?;
    match &head {
        b"RIFF" => avi(&mut file, length),
        b"OggS" => ogg(&mut file, length),
        _ => Ok(false),
    }
}

fn avi(file: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let mut at = 0;
    // What follows the last chunk is none of the film's.
    while at + 8 <= length {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; 8];
        file.read_exact(&mut header)?;
        let [r, i, f1, f2, size @ ..] = header;
        let size = u32::from_le_bytes(size);
        // A writer that could not go back left the length open.
        if [r, i, f1, f2] != *b"RIFF" || size == 0 || size == u32::MAX {
            return Ok(false);
        }
        at += 8 + u64::from(size) + u64::from(size % 2);
    }
    Ok(at > length + SLOPPY)
}

fn ogg(file: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let from = length.saturating_sub(2 * LONGEST_PAGE);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(2 * LONGEST_PAGE).read_to_end(&mut tail)?;
    let pages = tail.windows(4).enumerate().filter(|(_, four)| four == b"OggS");
    // "OggS" within a packet is no page: then its end is not that of the file.
    let ends = pages.filter_map(|(at, _)| page(tail.get(at..)?));
    Ok(!ends.into_iter().any(|page| page.fills && page.ends))
}

struct Page {
    /// Whether it fills the rest of the file.
    fills: bool,
    /// Whether it ends its stream.
    ends: bool,
}

/// The page at the beginning of these bytes, the last of the file.
fn page(bytes: &[u8]) -> Option<Page> {
    let flags = *bytes.get(5)?;
    let segments = usize::from(*bytes.get(26)?);
    let table = bytes.get(27..27 + segments)?;
    let length = 27 + segments + table.iter().map(|size| usize::from(*size)).sum::<usize>();
    Some(Page { fills: length == bytes.len(), ends: flags & ENDS != 0 })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn riff(size: u32, body: usize) -> Vec<u8> {
        [b"RIFF".as_slice(), &size.to_le_bytes(), &vec![0; body]].concat()
    }

    fn avi_breaks_off(bytes: Vec<u8>) -> bool {
        let length = bytes.len() as u64;
        avi(&mut Cursor::new(bytes), length).unwrap()
    }

    #[test]
    fn an_avi_is_as_long_as_its_chunks_say() {
        assert!(!avi_breaks_off(riff(100, 100)));
        assert!(avi_breaks_off(riff(100, 90)));
        assert!(avi_breaks_off([riff(100, 100), riff(100, 50)].concat()));
        for whole in [
            riff(108, 100),
            riff(101, 101),
            riff(0, 100),
            riff(u32::MAX, 100),
            [riff(100, 100), b"junk of somebody".to_vec()].concat(),
            [riff(100, 100), vec![0; 3]].concat(),
        ] {
            assert!(!avi_breaks_off(whole));
        }
    }

    fn page_of(flags: u8, body: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend([0; 20]);
        page.push(1);
        page.push(body.len() as u8);
        page.extend(body);
        page
    }

    fn ogg_breaks_off(bytes: Vec<u8>) -> bool {
        let length = bytes.len() as u64;
        ogg(&mut Cursor::new(bytes), length).unwrap()
    }

    #[test]
    fn an_ogg_ends_in_a_page_that_says_so() {
        let whole = [page_of(2, b"head"), page_of(0, &[7; 200]), page_of(4, b"an OggS in it")];
        let whole = whole.concat();
        assert!(!ogg_breaks_off(whole.clone()));
        for cut in [1, 5, 13, 20, 44, 45, 46, 100, 250] {
            assert!(ogg_breaks_off(whole[..whole.len() - cut].to_vec()), "{cut}");
        }
    }
}
