//! Folders of pictures as a person has them.

use std::path::Path;

use rushes_codec::image::{Format, Rgb, encode, resize};

use super::*;
use crate::error::Kind;

/// A picture of leaves; another `seed` is another tree.
fn leaves(seed: u32) -> Rgb {
    let (width, height) = (320, 240);
    let level = |x: u32, y: u32| {
        let wave = ((x + seed * 41) as f32 / 9.0).sin() * ((y + seed * 17) as f32 / 7.0).cos();
        (120.0 + wave * 70.0 + ((x / 20 * 37 + y / 20 * 91 + seed * 13) % 40) as f32) as u8
    };
    let pixels = (0..width * height).map(|at| level(at % width, at / width));
    Rgb { width, height, data: pixels.flat_map(|level| [level, level / 2, 90]).collect() }
}

fn write(folder: &Path, name: &str, picture: &Rgb, format: Format, quality: f32) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, encode(picture, format, quality).unwrap()).unwrap();
}

#[tokio::test]
async fn copies_are_found_in_any_format_and_size_and_the_first_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (one, two) = (leaves(1), leaves(2));
    write(folder, "a.png", &one, Format::Png, 0.0);
    write(folder, "b/small.webp", &resize(&one, 160, 120).unwrap(), Format::WebP, 80.0);
    write(folder, "c.jpg", &one, Format::Jpeg, 40.0);
    write(folder, "d.png", &two, Format::Png, 0.0);
    std::fs::write(folder.join("notes.txt"), "no picture").unwrap();
    let whole = std::fs::read(folder.join("c.jpg")).unwrap();
    std::fs::write(folder.join("torn.jpg"), &whole[..whole.len() / 2]).unwrap();

    let mut told = Vec::new();
    let options = AlikeOptions::default();
    let found = alike(vec![folder.to_owned()], options, |done, all| told.push((done, all)));
    let found = found.await.unwrap();
    assert_eq!(told.last(), Some(&(5, 5)));
    assert_eq!((found.pictures, found.unreadable.len()), (4, 1));
    assert_eq!(found.unreadable[0].file, folder.join("torn.jpg"));
    let copies: Vec<_> = found.copies.iter().map(|copy| (&copy.file, &copy.of)).collect();
    let first = &folder.join("a.png");
    assert_eq!(copies, [(&folder.join("b/small.webp"), first), (&folder.join("c.jpg"), first)]);
    let sizes = ["b/small.webp", "c.jpg"].map(|name| folder.join(name).metadata().unwrap().len());
    assert_eq!(found.spare, sizes.iter().sum::<u64>());
}

#[tokio::test]
async fn nothing_to_compare_and_nonsense_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let of = |path: &Path, similarity| {
        alike(vec![path.to_owned()], AlikeOptions { similarity }, |_, _| {})
    };
    assert_eq!(of(folder.path(), 0.95).await.unwrap_err().kind(), Kind::NotFound);
    let missing = of(&folder.path().join("missing"), 0.95).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
    for similarity in [-0.1, 1.1, f32::NAN] {
        assert_eq!(of(folder.path(), similarity).await.unwrap_err().kind(), Kind::Invalid);
    }
}
