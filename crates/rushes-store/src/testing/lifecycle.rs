//! Random runs of two recipes, side by side with a model of sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Open;
use super::fixture::{Handle, all, entry, kind, recipe, video};
use crate::error::Error;
use crate::model::{NewEntry, Video};
use crate::store::{Older, RunId};

const RECIPES: [&str; 2] = ["m", "n"];
const KINDS: [&str; 2] = ["caption", "shot"];

#[derive(Clone, Debug)]
enum Step {
    Open {
        recipe: usize,
        resume: bool,
    },
    /// Entries by number: of few, so that many are written again.
    Write {
        recipe: usize,
        entries: Vec<u8>,
    },
    Finish {
        recipe: usize,
        empty: Option<usize>,
        older: Older,
    },
    Abort {
        recipe: usize,
    },
    Remove,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let recipe = || 0..RECIPES.len();
    let older = prop_oneof![Just(Older::Keep), Just(Older::Own), Just(Older::Replace)];
    let empty = proptest::option::weighted(0.3, 0..KINDS.len());
    let entries = prop::collection::vec(0..16u8, 0..8);
    let step = prop_oneof![
        4 => (recipe(), any::<bool>()).prop_map(|(recipe, resume)| Step::Open { recipe, resume }),
        6 => (recipe(), entries).prop_map(|(recipe, entries)| Step::Write { recipe, entries }),
        4 => (recipe(), empty, older)
            .prop_map(|(recipe, empty, older)| Step::Finish { recipe, empty, older }),
        1 => recipe().prop_map(|recipe| Step::Abort { recipe }),
        1 => Just(Step::Remove),
    ];
    prop::collection::vec(step, 1..24)
}

/// Even numbers are captions, odd ones shots; several start together.
fn numbered(number: u8) -> NewEntry {
    let start = f64::from(number / 4);
    let data = serde_json::json!({"n": number});
    NewEntry { data, ..entry(KINDS[usize::from(number % 2)], start, start + 1.0) }
}

type Lanes = BTreeMap<(usize, usize), BTreeSet<u8>>;

/// What the store should hold of one video. Lanes go by recipe and kind.
#[derive(Default)]
struct Model {
    seen: Lanes,
    done: BTreeSet<usize>,
    staged: BTreeMap<usize, (RunId, BTreeMap<usize, BTreeSet<u8>>)>,
    /// What an open run wrote although it is seen already.
    again: Lanes,
}

impl Model {
    fn write(&mut self, recipe: usize, entries: &[u8]) -> u64 {
        let Some((_, staged)) = self.staged.get_mut(&recipe) else { return 0 };
        let mut new = 0;
        for &number in entries {
            let kind = usize::from(number % 2);
            let known = self.seen.get(&(recipe, kind)).is_some_and(|seen| seen.contains(&number));
            let lane = staged.entry(kind).or_default();
            new += u64::from(!known && lane.insert(number));
            if known {
                self.again.entry((recipe, kind)).or_default().insert(number);
            }
        }
        new
    }

    /// Forgets what an open run wrote again.
    fn forget(&mut self, recipe: usize) {
        self.again.retain(|(of, _), _| *of != recipe);
    }

    /// Returns how many entries come and go.
    fn finish(&mut self, recipe: usize, empty: Option<usize>, older: Older) -> (u64, u64) {
        let (_, mut staged) = self.staged.remove(&recipe).unwrap();
        staged
            .extend(empty.filter(|kind| !staged.contains_key(kind)).map(|k| (k, BTreeSet::new())));
        let (mut added, mut removed) = (0, 0);
        for (kind, entries) in staged {
            added += entries.len() as u64;
            let seen = self.seen.entry((recipe, kind)).or_default();
            if older != Older::Keep {
                let again = self.again.remove(&(recipe, kind)).unwrap_or_default();
                let outdated = seen.extract_if(.., |number| !again.contains(number));
                removed += outdated.count() as u64;
            }
            seen.extend(entries);
            let other = 1 - recipe;
            if older == Older::Replace
                && let Some(gone) = self.seen.remove(&(other, kind))
            {
                removed += gone.len() as u64;
                self.done.remove(&other);
            }
        }
        self.done.insert(recipe);
        self.forget(recipe);
        (added, removed)
    }
}

/// Every step is taken by the store and by the model, and both are compared after each.
pub(super) async fn follows_a_simple_model(open: Open<'_>) {
    let store = open("lifecycle").await;
    let runtime = tokio::runtime::Handle::current();
    let mut case = 0;
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    tokio::task::block_in_place(|| {
        let case = std::cell::RefCell::new(&mut case);
        let run = |steps: Vec<Step>| {
            **case.borrow_mut() += 1;
            let video = video(&format!("{}.mp4", case.borrow()));
            runtime.block_on(follow(&store, &video, &steps));
            Ok(())
        };
        TestRunner::new(config).run(&steps(), run).unwrap();
    });
    assert_eq!(store.check().await.unwrap(), [""; 0]);
}

async fn follow(store: &Handle, video: &Video, steps: &[Step]) {
    store.put_video(video).await.unwrap();
    let mut model = Model::default();
    for step in steps {
        take(store, video, &mut model, step).await;
        compare(store, video, &model).await;
    }
}

async fn take(store: &Handle, video: &Video, model: &mut Model, step: &Step) {
    match step {
        Step::Open { recipe: r, resume } => {
            let run = store.run_open(&video.id, &recipe(RECIPES[*r]), *resume).await.unwrap();
            if !resume {
                model.staged.remove(r);
                model.forget(*r);
            }
            let (id, staged) = model.staged.entry(*r).or_insert((run.id, BTreeMap::new()));
            assert_eq!(*id, run.id);
            assert_eq!(run.count, staged.values().map(|lane| lane.len() as u64).sum::<u64>());
        }
        Step::Write { recipe, entries } => {
            let batch = entries.iter().map(|number| numbered(*number)).collect();
            let Some((run, _)) = model.staged.get(recipe) else { return };
            let new = store.run_write(*run, batch).await.unwrap();
            assert_eq!(new, model.write(*recipe, entries));
        }
        Step::Finish { recipe, empty, older } => {
            let Some((run, _)) = model.staged.get(recipe) else { return };
            let kinds: Vec<_> = empty.iter().map(|empty| kind(KINDS[*empty])).collect();
            let done = store.run_finish(*run, &kinds, *older).await.unwrap();
            assert_eq!((done.added, done.removed), model.finish(*recipe, *empty, *older));
        }
        Step::Abort { recipe } => {
            let Some((run, _)) = model.staged.remove(recipe) else { return };
            model.forget(*recipe);
            store.run_abort(run).await.unwrap();
        }
        Step::Remove => {
            store.remove_video(&video.id).await.unwrap();
            for (run, _) in model.staged.values() {
                assert!(matches!(store.run_abort(*run).await, Err(Error::NotFound(_))));
            }
            *model = Model::default();
            store.put_video(video).await.unwrap();
        }
    }
}

async fn compare(store: &Handle, video: &Video, model: &Model) {
    let mut held = Lanes::new();
    for entry in all(store, video).await {
        let number = u8::try_from(entry.data["n"].as_u64().unwrap()).unwrap();
        let recipe = RECIPES.iter().position(|model| *model == entry.recipe.model).unwrap();
        let new = held.entry((recipe, usize::from(number % 2))).or_default().insert(number);
        assert!(new, "entry {number} is there twice");
    }
    let filled: Lanes = model
        .seen
        .iter()
        .filter(|(_, lane)| !lane.is_empty())
        .map(|(k, v)| (*k, v.clone()))
        .collect();
    assert_eq!(held, filled);
    for (name, timeline) in KINDS.iter().zip(by_kind(store, video).await) {
        let lanes: Vec<_> =
            model.seen.iter().filter(|((_, kind), _)| KINDS[*kind] == *name).collect();
        let count = lanes.iter().map(|(_, lane)| lane.len() as u64).sum::<u64>();
        assert_eq!(timeline, (!lanes.is_empty()).then_some((count, lanes.len())), "{name}");
    }
    for (number, name) in RECIPES.iter().enumerate() {
        let done = store.has_run(&video.id, &recipe(name)).await.unwrap();
        assert_eq!(done, model.done.contains(&number), "{name}");
    }
}

/// For each kind, the count and the number of recipes, if it was ever computed.
async fn by_kind(store: &Handle, video: &Video) -> Vec<Option<(u64, usize)>> {
    let timelines = store.timelines(&video.id).await.unwrap();
    let of = |name: &&str| timelines.iter().find(|timeline| timeline.kind.as_str() == *name);
    KINDS.iter().map(|name| of(name).map(|t| (t.count, t.recipes.len()))).collect()
}
