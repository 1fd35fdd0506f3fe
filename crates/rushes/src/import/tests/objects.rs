//! COCO, MOT and VATIC, and what frame numbers mean.

use serde_json::{Value, json};

use super::super::options::{Format, ImportOptions};
use super::shared::{as_format, entries, refused, spans};

#[test]
fn frames_are_counted_by_a_rate_only_when_asked_and_flagged() {
    let options = ImportOptions { fps: Some(10.0), ..as_format(Format::Mot) };
    let all = entries("1,1,0,0,5,5,1\n101,1,0,0,5,5,1", &options);
    assert_eq!(spans(&all), [(1.0, 1.0), (11.0, 11.0)]);
    assert!(all.iter().all(|entry| entry.estimated));
    let true_times = entries("1,1,0,0,5,5,1\n101,1,0,0,5,5,1", &as_format(Format::Mot));
    assert_eq!(spans(&true_times), [(1.0, 1.0), (7.0, 7.0)]);
    assert!(!true_times.iter().any(|entry| entry.estimated));
    let from_zero = ImportOptions { first_frame: Some(0), ..as_format(Format::Mot) };
    assert_eq!(entries("101,1,0,0,5,5,1", &from_zero)[0].start, 7.04);
}

#[test]
fn coco_results_are_objects_and_captions_at_their_frames() {
    let text = r#"[{"image_id":100,"category_id":18,"bbox":[1,2,3,4],"score":0.5},
        {"image_id":0,"category_id":1,"keypoints":[10,20,2,30,15,1],"score":0.4},
        {"image_id":1,"caption":" A dog. "},{"image_id":2,"category_id":12,"bbox":[0,0,1,1]}]"#;
    let all = entries(text, &as_format(Format::Coco));
    assert_eq!(spans(&all), [(7.0, 7.0), (1.0, 1.0), (1.04, 1.04), (1.08, 1.08)]);
    assert_eq!(
        all[0].data,
        json!({ "label": "dog", "score": 0.5, "box": [1, 2, 3, 4], "frame": 100, "category_id": 18 })
    );
    assert_eq!((all[0].label.as_deref(), all[0].text.as_deref()), (Some("dog"), None));
    assert_eq!(all[1].data["box"], json!([10.0, 15.0, 20.0, 5.0]));
    assert_eq!(
        (all[2].kind.as_str(), &all[2].data),
        ("caption", &json!({ "text": "A dog.", "frame": 1 }))
    );
    assert_eq!(all[3].label.as_deref(), Some("category 12"));
}

#[test]
fn a_coco_data_set_maps_its_images_and_categories() {
    let text = r#"{"annotations":[{"id":1,"image_id":77,"category_id":1,"bbox":[1,2,3,4]},{"id":2,"image_id":78,"category_id":2,"bbox":[1,2,3,4]}],
        "images":[{"id":77,"file_name":"a/frame_0002.jpg"},{"id":78,"file_name":"x.jpg","frame_id":3}],"categories":[{"id":1,"name":"fox"}]}"#;
    let all = entries(text, &as_format(Format::Coco));
    assert_eq!(spans(&all), [(1.08, 1.08), (1.12, 1.12)]);
    assert_eq!(
        all.iter().map(|entry| entry.label.as_deref().unwrap()).collect::<Vec<_>>(),
        ["fox", "category 2"]
    );
}

#[test]
fn mot_rows_of_all_editions_and_vatic_rows() {
    let rows = "1,3,113.84,274.5,57.3,130,-1,-1,-1,-1\n2,-1,1,2,3,4,0.5\n\n1,1,88,99,61,218,1,4.5,5.5,0\n1,2,1,2,3,4,1,3,0.8";
    let all: Vec<Value> =
        entries(rows, &as_format(Format::Mot)).into_iter().map(|entry| entry.data).collect();
    assert_eq!(
        all,
        [
            json!({ "label": "person", "box": [113.84, 274.5, 57.3, 130], "track": 3, "frame": 1 }),
            json!({ "label": "person", "score": 0.5, "box": [1, 2, 3, 4], "frame": 2 }),
            json!({ "label": "person", "score": 1, "box": [88, 99, 61, 218], "track": 1, "frame": 1, "world": [4.5, 5.5, 0] }),
            json!({ "label": "car", "score": 1, "box": [1, 2, 3, 4], "track": 2, "frame": 1, "visible": 0.8 }),
        ]
    );
    let vatic = "0 412 0 842 124 0 0 0 0 \"worker\"\n0 412 10 842 124 1 0 1 1 \"pc\" \"attr1\" \"attr3\"\n0 1 1 1 1 2 1 0 0 \"pc\"";
    let all = entries(vatic, &as_format(Format::Mot));
    assert_eq!(spans(&all), [(1.0, 1.0), (1.04, 1.04)]);
    assert_eq!(
        all[1].data,
        json!({ "label": "pc", "box": [412, 10, 430, 114], "track": 0, "frame": 1, "occluded": true, "attributes": ["attr1", "attr3"] })
    );
    for bad in [
        "0,1,1,2,3,4,1",
        "1,1,1,2,3",
        "1.5,1,1,2,3,4,1",
        "1,1,NaN,2,3,4,1",
        "1,1,1,2,-3,4,1",
        "a b c",
    ] {
        refused(bad, Format::Mot);
    }
}
