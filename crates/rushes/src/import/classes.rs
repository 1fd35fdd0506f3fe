//! Names of object classes: those that lie beside label files, and those that everybody knows.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};

/// Names of classes by their numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Classes(BTreeMap<u64, String>);

impl Classes {
    /// The name of a class; its number when it has none.
    pub(super) fn name(&self, class: u64) -> String {
        self.0.get(&class).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// The names in `classes.txt` (one a line) or `data.yaml` (under `names`) in this folder or
    /// the one above it; none when there is no such file.
    pub(super) fn beside(folder: &Path) -> Result<Self> {
        for folder in [Some(folder), folder.parent()].into_iter().flatten() {
            for (name, read) in
                [("classes.txt", listed as fn(&str) -> Self), ("data.yaml", in_yaml)]
            {
                let path = folder.join(name);
                if path.is_file() {
                    let text = std::fs::read_to_string(&path)
                        .map_err(|error| Error::invalid(format!("{}: {error}", path.display())))?;
                    return Ok(read(&text));
                }
            }
        }
        Ok(Self::default())
    }
}

fn numbered<'a>(names: impl Iterator<Item = &'a str>) -> Classes {
    Classes((0..).zip(names.map(unquoted)).collect())
}

fn listed(text: &str) -> Classes {
    numbered(text.lines().filter(|line| !line.trim().is_empty()))
}

/// The `names` of a data set's description, which is written in one of three ways: `[a, b]`,
/// `- a` a line, or `0: a` a line.
fn in_yaml(text: &str) -> Classes {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("names:"));
    let first = lines.next().and_then(|line| line.strip_prefix("names:")).unwrap_or_default();
    let inner = lines
        .take_while(|line| line.trim().is_empty() || line.starts_with([' ', '-', '\t', '#', ']']));
    if first.trim_start().starts_with('[') {
        let all: String = std::iter::once(first).chain(inner).collect();
        let all = all.trim().trim_start_matches('[');
        let all = all.split(']').next().unwrap_or_default();
        return numbered(all.split(',').filter(|name| !name.trim().is_empty()));
    }
    let (mut classes, mut next) = (BTreeMap::new(), 0);
    for line in inner {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if let Some(name) = line.strip_prefix("- ") {
            classes.insert(next, unquoted(name));
            next += 1;
        } else if let Some((number, name)) = line.split_once(':') {
            classes.extend(number.trim().parse().ok().map(|number| (number, unquoted(name))));
        }
    }
    Classes(classes)
}

fn unquoted(name: &str) -> String {
    name.trim().trim_matches(['"', '\'']).to_owned()
}

/// The name of a category of the COCO data set (its ids run to 90 with gaps).
pub(super) fn coco(category: u64) -> Option<&'static str> {
    let at = COCO.binary_search_by_key(&category, |(id, _)| *id).ok()?;
    COCO.get(at).map(|(_, name)| *name)
}

/// The name of a class of the MOT challenge, as its ground truth numbers them.
pub(super) fn mot(class: u64) -> Option<&'static str> {
    MOT.get(usize::try_from(class.checked_sub(1)?).ok()?).copied()
}

const MOT: [&str; 12] = [
    "person",
    "person on vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non motorized vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
];

#[rustfmt::skip]
const COCO: [(u64, &str); 80] = [
    (1, "person"), (2, "bicycle"), (3, "car"), (4, "motorcycle"), (5, "airplane"), (6, "bus"),
    (7, "train"), (8, "truck"), (9, "boat"), (10, "traffic light"), (11, "fire hydrant"),
    (13, "stop sign"), (14, "parking meter"), (15, "bench"), (16, "bird"), (17, "cat"),
    (18, "dog"), (19, "horse"), (20, "sheep"), (21, "cow"), (22, "elephant"), (23, "bear"),
    (24, "zebra"), (25, "giraffe"), (27, "backpack"), (28, "umbrella"), (31, "handbag"),
    (32, "tie"), (33, "suitcase"), (34, "frisbee"), (35, "skis"), (36, "snowboard"),
    (37, "sports ball"), (38, "kite"), (39, "baseball bat"), (40, "baseball glove"),
    (41, "skateboard"), (42, "surfboard"), (43, "tennis racket"), (44, "bottle"),
    (46, "wine glass"), (47, "cup"), (48, "fork"), (49, "knife"), (50, "spoon"), (51, "bowl"),
    (52, "banana"), (53, "apple"), (54, "sandwich"), (55, "orange"), (56, "broccoli"),
    (57, "carrot"), (58, "hot dog"), (59, "pizza"), (60, "donut"), (61, "cake"), (62, "chair"),
    (63, "couch"), (64, "potted plant"), (65, "bed"), (67, "dining table"), (70, "toilet"),
    (72, "tv"), (73, "laptop"), (74, "mouse"), (75, "remote"), (76, "keyboard"),
    (77, "cell phone"), (78, "microwave"), (79, "oven"), (80, "toaster"), (81, "sink"),
    (82, "refrigerator"), (84, "book"), (85, "clock"), (86, "vase"), (87, "scissors"),
    (88, "teddy bear"), (89, "hair drier"), (90, "toothbrush"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_to_list_names_in_yaml_say_the_same() {
        let want = numbered(["cat", "dog"].into_iter());
        for text in [
            "path: x\nnames: ['cat', \"dog\"]\nnc: 2\n",
            "names: [\n  cat,\n  dog,\n]\n",
            "nc: 2\nnames:\n  - cat\n  - dog # barks\n",
            "names:\n- cat\n- dog\ntrain: images\n",
            "names:\n  0: cat\n  1: dog\ntrain: images\n",
        ] {
            assert_eq!(in_yaml(text), want, "{text}");
        }
        assert_eq!(listed("cat\r\ndog\n\n"), want);
    }

    #[test]
    fn known_names_are_found_by_their_numbers() {
        assert!(COCO.is_sorted());
        assert_eq!((coco(1), coco(90), coco(12)), (Some("person"), Some("toothbrush"), None));
        assert_eq!((mot(1), mot(3), mot(0)), (Some("person"), Some("car"), None));
        assert_eq!(numbered(["cat"].into_iter()).name(7), "class 7");
    }
}
