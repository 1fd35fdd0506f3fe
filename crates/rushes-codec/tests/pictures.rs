//! Pictures survive a round trip, and files that lie are refused without harm.

use proptest::prelude::*;
use rushes_codec::Error;
use rushes_codec::image::{self, Format, Limits, Rgb, Yuv420};

/// Smooth colours with a hard-edged block: what a codec must keep.
fn scene(width: u32, height: u32) -> Rgb {
    let pixel = |x: u32, y: u32| {
        let block = x > width / 3 && x < width / 2 && y > height / 3 && y < height / 2;
        if block { [250, 30, 40] } else { [(x * 200 / width) as u8, (y * 200 / height) as u8, 90] }
    };
    let data = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    Rgb { width, height, data }
}

/// A luma ramp over grey-blue chroma.
fn ramp(width: u32, height: u32) -> Yuv420 {
    let chroma = (width.div_ceil(2) * height.div_ceil(2)) as usize;
    let luma = (0..height).flat_map(|y| (0..width).map(move |x| (16 + (x + y) % 200) as u8));
    let data = luma.chain(vec![140; chroma]).chain(vec![120; chroma]).collect();
    Yuv420 { width, height, data }
}

/// Mean absolute difference of the bytes, in levels of 255.
fn difference(one: &Rgb, other: &Rgb) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let sum: u64 = one.data.iter().zip(&other.data).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.data.len() as f64
}

#[test]
fn every_format_survives_a_round_trip() {
    for (width, height) in [(64, 48), (1, 1), (17, 33), (640, 361)] {
        let picture = scene(width, height);
        for (format, tolerance) in [(Format::Png, 0.0), (Format::Jpeg, 4.0), (Format::WebP, 5.0)] {
            let bytes = image::encode(&picture, format, 90.0).unwrap();
            assert_eq!(image::header(&bytes).unwrap(), (format, width, height));
            let back = image::decode(&bytes, Limits::default()).unwrap();
            let lost = difference(&picture, &back);
            assert!(lost <= tolerance, "{format:?} {width}x{height} lost {lost}");
        }
    }
}

#[test]
fn yuv_is_encoded_without_padding_whatever_the_parity_of_its_size() {
    for (width, height) in [(64, 48), (63, 47), (1, 1), (2, 1), (1280, 720)] {
        let picture = ramp(width, height);
        assert_eq!(picture.data.len(), Yuv420::bytes(width, height));
        let bytes = image::webp_from_yuv(&picture, 85.0).unwrap();
        let back = image::decode(&bytes, Limits::default()).unwrap();
        assert_eq!((back.width, back.height), (width, height));
        // Limited-range luma of the first pixel, as BT.601 maps it to grey.
        let grey = (f64::from(picture.data[0]) - 16.0) * 255.0 / 219.0;
        let mean = back.data[..3].iter().map(|&c| f64::from(c)).sum::<f64>() / 3.0;
        assert!((mean - grey).abs() < 25.0, "{width}x{height}: {mean} for {grey}");
    }
}

#[test]
fn planes_land_in_their_colours() {
    let chroma = vec![90; 16 * 16];
    let red = Yuv420 {
        width: 32,
        height: 32,
        data: [vec![82; 32 * 32], chroma, vec![240; 16 * 16]].concat(),
    };
    let back =
        image::decode(&image::webp_from_yuv(&red, 95.0).unwrap(), Limits::default()).unwrap();
    let [r, g, b] = back.data[..3].try_into().unwrap();
    assert!(r > 240 && g < 15 && b < 15, "red came back as {r} {g} {b}");
}

#[test]
fn a_higher_quality_costs_more_bytes_and_loses_less() {
    let picture = scene(320, 240);
    let [low, high] = [20.0, 95.0].map(|q| image::encode(&picture, Format::WebP, q).unwrap());
    assert!(low.len() < high.len());
    let lost =
        |bytes: &[u8]| difference(&picture, &image::decode(bytes, Limits::default()).unwrap());
    assert!(lost(&low) > lost(&high));
}

#[test]
fn wrong_arguments_name_what_is_wrong() {
    let picture = scene(16, 16);
    for quality in [-1.0, 100.5, f32::NAN, f32::INFINITY] {
        for format in [Format::Jpeg, Format::WebP] {
            let error = image::encode(&picture, format, quality).unwrap_err();
            assert!(matches!(&error, Error::Invalid(text) if text.contains("quality")), "{error}");
        }
    }
    let short = Rgb { data: vec![0; 5], ..picture };
    let vast = Rgb { width: u32::MAX, height: u32::MAX, data: vec![] };
    let empty = Rgb { width: 0, height: 9, data: vec![] };
    for wrong in [short, vast, empty] {
        for format in [Format::Jpeg, Format::Png, Format::WebP] {
            assert!(matches!(image::encode(&wrong, format, 85.0), Err(Error::Invalid(_))));
        }
        assert!(matches!(image::resize(&wrong, 4, 4), Err(Error::Invalid(_))));
    }
    let yuv = Yuv420 { width: 4, height: 4, data: vec![0; 23] };
    let error = image::webp_from_yuv(&yuv, 85.0).unwrap_err();
    assert_eq!(error.to_string(), "YUV picture of 4x4 has 23 bytes where 24 are due");
}

#[test]
fn webp_refuses_sides_that_the_format_cannot_hold() {
    let long = Rgb::filled(16_384, 1, [0; 3]).unwrap();
    assert!(matches!(image::encode(&long, Format::WebP, 85.0), Err(Error::TooLarge(_))));
}

#[test]
fn resizing_keeps_the_colours_and_takes_sizes_of_one() {
    let picture = Rgb::filled(300, 200, [10, 200, 30]).unwrap();
    for (width, height) in [(150, 100), (1, 1), (300, 200), (600, 400), (7, 399)] {
        let resized = image::resize(&picture, width, height).unwrap();
        assert_eq!(resized, Rgb::filled(width, height, [10, 200, 30]).unwrap());
    }
    assert!(matches!(image::resize(&picture, 0, 10), Err(Error::Invalid(_))));
    assert!(matches!(image::resize(&picture, 60_000, 60_000), Err(Error::TooLarge(_))));
}

/// A PNG of which only the header is there.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend(&header);
    png.extend(crc32(&header).to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    })
}

/// A WebP of which only the lossy key frame's header is there.
fn webp_claiming(width: u16, height: u16) -> Vec<u8> {
    let mut frame = vec![0x50, 0x02, 0x00, 0x9D, 0x01, 0x2A];
    frame.extend(width.to_le_bytes());
    frame.extend(height.to_le_bytes());
    frame.extend([0; 10]);
    riff(&[(b"VP8 ", &frame)])
}

fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, data) in chunks {
        body.extend(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(*data);
    }
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
}

/// A JPEG that was made small and then made to claim another size.
fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = image::encode(&scene(16, 16), Format::Jpeg, 80.0).expect("a small JPEG");
    let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame header");
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn a_few_bytes_that_claim_a_vast_picture_are_refused() {
    let bombs = [png_claiming(30_000, 30_000), jpeg_claiming(30_000, 30_000)];
    for bomb in &bombs {
        assert_eq!(
            image::header(bomb).map(|(_, width, height)| (width, height)).unwrap(),
            (30_000, 30_000)
        );
        let error = image::decode(bomb, Limits::default()).unwrap_err();
        assert!(matches!(&error, Error::TooLarge(text) if text.contains("30000x30000")), "{error}");
    }
    let bomb = webp_claiming(16_000, 16_000);
    assert!(matches!(image::decode(&bomb, Limits::default()), Err(Error::TooLarge(_))));
    assert!(image::decode(&png_claiming(0, 5), Limits::default()).is_err());
    assert!(image::decode(&png_claiming(u32::MAX, u32::MAX), Limits::default()).is_err());
}

#[test]
fn limits_bind_at_the_pixel() {
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        let bytes = image::encode(&scene(40, 30), format, 80.0).unwrap();
        assert!(image::decode(&bytes, Limits { pixels: 1200 }).is_ok());
        assert!(matches!(image::decode(&bytes, Limits { pixels: 1199 }), Err(Error::TooLarge(_))));
    }
}

#[test]
fn every_truncation_is_an_error_and_never_half_a_picture() {
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        let bytes = image::encode(&scene(48, 40), format, 80.0).unwrap();
        // The last twelve bytes of a PNG are its empty end chunk: the picture is whole without it.
        let spare = if format == Format::Png { 12 } else { 0 };
        for len in 0..bytes.len() - spare {
            let result = image::decode(&bytes[..len], Limits::default());
            assert!(result.is_err(), "{format:?} cut to {len} of {} was taken", bytes.len());
        }
    }
}

#[test]
fn other_files_are_not_pictures() {
    for bytes in [&b""[..], b"hello", b"GIF89a", b"RIFF\0\0\0\0WAVEfmt "] {
        assert!(matches!(image::decode(bytes, Limits::default()), Err(Error::Unsupported(_))));
        assert!(matches!(image::header(bytes), Err(Error::Unsupported(_))));
    }
}

#[test]
fn an_animated_webp_is_refused_by_name() {
    let mut extended = vec![0b10, 0, 0, 0];
    extended.extend([31, 0, 0, 31, 0, 0]);
    let file = riff(&[(b"VP8X", &extended), (b"ANIM", &[0; 6]), (b"ANMF", &[0; 16])]);
    let error = image::decode(&file, Limits::default()).unwrap_err();
    assert!(matches!(&error, Error::Unsupported(text) if text.contains("animated")), "{error}");
}

#[test]
fn transparent_pictures_are_laid_on_white() {
    use ::image::ImageEncoder;
    let mut file = Vec::new();
    let rgba = [[255, 0, 0, 255], [0, 0, 0, 0]].concat();
    ::image::codecs::png::PngEncoder::new(&mut file)
        .write_image(&rgba, 2, 1, ::image::ExtendedColorType::Rgba8)
        .unwrap();
    let picture = image::decode(&file, Limits::default()).unwrap();
    assert_eq!(picture.data, [255, 0, 0, 255, 255, 255]);
}

proptest! {
    #[test]
    fn garbage_behind_any_signature_never_panics(
        start in prop::sample::select(vec![&b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ", b"RIFF\x40\0\0\0WEBPVP8L", b"RIFF\x40\0\0\0WEBPVP8X", b""]),
        tail in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [start, &tail].concat();
        let _ = image::header(&bytes);
        let _ = image::decode(&bytes, Limits { pixels: 1 << 16 });
    }

    #[test]
    fn a_damaged_file_gives_an_error_or_a_picture_of_the_declared_size(
        format in prop::sample::select(vec![Format::Jpeg, Format::Png, Format::WebP]),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = image::encode(&scene(24, 20), format, 80.0).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(picture) = image::decode(&bytes, Limits { pixels: 1 << 20 }) {
            let (_, width, height) = image::header(&bytes).unwrap();
            prop_assert_eq!((picture.width, picture.height), (width, height));
            prop_assert_eq!(picture.data.len(), (width * height * 3) as usize);
        }
    }
}
