//! Compressed JSON and envelopes come back whole, or not at all.

use proptest::prelude::*;
use rushes_codec::envelope::{self, Algorithm, HEADER};
use rushes_codec::json::{self, Dictionary};
use rushes_codec::{Error, Result};

fn caption(number: usize) -> String {
    let words = ["a man walks", "two cars wait", "the door opens", "a bird lands"];
    let text = words[number % words.len()];
    format!(
        r#"{{"kind":"caption","start":{number}.480,"end":{number}.960,"data":{{"text":"{text} beside house {}","confidence":0.{:02}}},"recipe":{{"tool":"describe","version":"1.4.2","model":"small-{}"}}}}"#,
        number * 7919 % 1000,
        number * 31 % 100,
        number % 3,
    )
}

#[test]
fn documents_come_back_and_weigh_less() {
    let rows: Vec<_> = (0..200).map(caption).collect();
    let document = format!("[{}]", rows.join(","));
    let packed = json::compress(document.as_bytes()).unwrap();
    assert!(packed.len() * 5 < document.len(), "{} of {}", packed.len(), document.len());
    assert_eq!(json::restore(&packed, document.len()).unwrap(), document.as_bytes());
}

#[test]
fn a_dictionary_is_what_makes_short_rows_short() -> Result<()> {
    let samples: Vec<_> = (0..500).map(caption).collect();
    let dictionary = Dictionary::learn(&samples, 16 << 10)?;
    let row = caption(4711);
    let alone = json::compress(row.as_bytes())?;
    let packed = json::compress_with(row.as_bytes(), Some(&dictionary))?;
    assert!(packed.len() * 2 < alone.len(), "{} alone, {} with", alone.len(), packed.len());
    let stored = Dictionary::of_bytes(dictionary.as_bytes().to_vec());
    assert_eq!(json::restore_with(&packed, 4096, Some(&stored))?, row.as_bytes());
    assert!(matches!(json::restore(&packed, 4096), Err(Error::Corrupt(_))), "without it");
    Ok(())
}

#[test]
fn too_few_samples_teach_nothing() {
    assert!(matches!(Dictionary::learn(&["{}"], 1024), Err(Error::Invalid(_))));
}

#[test]
fn what_would_burst_is_refused_before_it_is_restored() {
    let bomb = json::compress(&vec![0; 100 << 20]).unwrap();
    assert!(bomb.len() < 20_000);
    let error = json::restore(&bomb, 1 << 20).unwrap_err();
    assert!(matches!(&error, Error::TooLarge(text) if text.contains("104857600")), "{error}");

    let sealed = envelope::seal(&vec![0; 100 << 20], Algorithm::Zstd).unwrap();
    assert!(matches!(envelope::open(&sealed, 1 << 20), Err(Error::TooLarge(_))));
}

#[test]
fn frames_without_a_length_or_with_a_tail_are_refused() {
    let mut stream = zstd::Encoder::new(Vec::new(), 3).unwrap();
    std::io::Write::write_all(&mut stream, &[b'x'; 999]).unwrap();
    let unsized_frame = stream.finish().unwrap();
    assert!(matches!(json::restore(&unsized_frame, 1 << 20), Err(Error::Corrupt(_))));

    let mut tailed = json::compress(b"{}").unwrap();
    tailed.push(0);
    assert!(matches!(json::restore(&tailed, 10), Err(Error::Corrupt(_))));
}

#[test]
fn what_does_not_shrink_is_stored_as_it_is() {
    let short = b"{}";
    let sealed = envelope::seal(short, Algorithm::Zstd).unwrap();
    assert_eq!(envelope::header(&sealed).unwrap().algorithm, Algorithm::Stored);
    assert_eq!(sealed.len(), HEADER + short.len());
    assert_eq!(envelope::open(&sealed, 2).unwrap(), short);
    assert!(matches!(envelope::open(&sealed, 1), Err(Error::TooLarge(_))));
}

#[test]
fn other_versions_and_algorithms_are_named() {
    let sealed = envelope::seal(b"{}", Algorithm::Stored).unwrap();
    for (at, value, said) in [(4, 2, "version 2"), (5, 9, "algorithm 9")] {
        let mut other = sealed.clone();
        other[at] = value;
        let error = envelope::open(&other, 10).unwrap_err();
        assert!(matches!(&error, Error::Unsupported(text) if text.contains(said)), "{error}");
    }
}

#[test]
fn a_forged_length_costs_no_memory() {
    let mut forged = envelope::seal(b"{}", Algorithm::Stored).unwrap();
    forged[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(envelope::open(&forged, usize::MAX), Err(Error::Corrupt(_))));
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let document: String = (0..40).map(caption).collect();
    for algorithm in [Algorithm::Stored, Algorithm::Zstd] {
        let sealed = envelope::seal(document.as_bytes(), algorithm).unwrap();
        assert_eq!(envelope::header(&sealed).unwrap().algorithm, algorithm);
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(envelope::open(&flipped, 1 << 20).is_err(), "bit {bit} went unseen");
        }
        for len in 0..sealed.len() {
            assert!(envelope::open(&sealed[..len], 1 << 20).is_err(), "cut to {len} went unseen");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_come_back_from_an_envelope(raw in prop::collection::vec(any::<u8>(), 0..2000)) {
        for algorithm in [Algorithm::Stored, Algorithm::Zstd] {
            let sealed = envelope::seal(&raw, algorithm).unwrap();
            prop_assert_eq!(&envelope::open(&sealed, raw.len()).unwrap(), &raw);
        }
    }

    #[test]
    fn garbage_never_panics_nor_exceeds_its_limit(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        limit in 0usize..5000,
    ) {
        let framed = [&[0x28, 0xB5, 0x2F, 0xFD][..], &bytes].concat();
        let enveloped = [&b"RSHE\x01\x01\0\0"[..], &bytes].concat();
        for bytes in [&bytes, &framed, &enveloped] {
            prop_assert!(json::restore(bytes, limit).map_or(0, |raw| raw.len()) <= limit);
            prop_assert!(envelope::open(bytes, limit).map_or(0, |raw| raw.len()) <= limit);
        }
    }
}
