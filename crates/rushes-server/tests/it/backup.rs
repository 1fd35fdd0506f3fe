//! Backups taken while others write, put back, and what may go wrong with them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::library::{Library, Run};
use crate::media;
use crate::server::Server;

/// The command over another library than its own.
fn at(library: &Library, folder: &Path, words: &[&str]) -> Run {
    library.run(["--library", folder.to_str().unwrap()].iter().chain(words))
}

fn backup(library: &Library, to: &Path) -> Run {
    library.run(["--json", "backup", to.to_str().unwrap()])
}

fn assert_sound(library: &Library, folder: &Path) {
    let report = at(library, folder, &["--json", "doctor"]);
    assert_eq!(report.code, 0, "{report:?}");
    let report = report.json();
    assert_eq!((&report["problems"], &report["leftovers"]["files"]), (&json!([]), &json!(0)));
}

fn somewhere() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    (folder, path)
}

/// Messages of a conversation are numbered, so that a copy as of one moment has a beginning of
/// them; and a video comes and goes with its pictures, so that rows may be copied whose files are
/// being deleted.
#[test]
fn a_backup_taken_while_others_write_is_a_sound_library() {
    let (library, id) = Library::with_entries();
    let server = Server::start(&library);
    let (over, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let clip = media::other_clip();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let number = written.load(Ordering::SeqCst);
                let message = json!({ "role": "user", "content": number.to_string() });
                let answer = server.post_json(&format!("/v1/videos/{id}/memory"), &message);
                assert!(answer.status < 300, "{answer:?}");
                written.store(number + 1, Ordering::SeqCst);
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let words = ["ingest", clip.to_str().unwrap(), "--every", "200ms"];
                assert_eq!(library.run(words).code, 0);
                let name = clip.file_name().unwrap().to_str().unwrap();
                assert_eq!(library.run(["rm", name]).code, 0);
            }
        });
        // Whatever fails, the writers are told to end.
        let _end = End(&over);
        for _ in 0..4 {
            let (_folder, to) = somewhere();
            let before = written.load(Ordering::SeqCst);
            let run = backup(&library, &to);
            assert_eq!(run.code, 0, "{run:?}");
            let events = run.events();
            let told = events.last().unwrap();
            assert_eq!((&told["event"], &told["problems"]), (&json!("backed_up"), &json!([])));
            for name in ["files", "rows", "checking"] {
                assert!(events.iter().any(|event| event["event"] == name), "{name}: {events:?}");
            }
            assert_sound(&library, &to);
            let words = ["--json", "sql", "SELECT content FROM conversation ORDER BY id"];
            let messages = at(&library, &to, &words).json()["rows"].clone();
            let count = messages.as_array().unwrap().len();
            let wanted: Vec<Value> = (0..count).map(|n| json!([n.to_string()])).collect();
            assert_eq!(messages, json!(wanted), "messages are missing in between");
            assert!(count >= before, "{count} of {before} messages that were there before");
            assert!(at(&library, &to, &["search", "kite"]).text().contains("**kite**"));
        }
    });
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_restored_library_answers_as_the_one_that_was_backed_up() {
    let (library, id) = Library::with_entries();
    let (folder, to) = somewhere();
    assert_eq!(backup(&library, &to).code, 0);
    let again = folder.path().join("restored");
    let place = to.to_str().unwrap();
    let run = at(&library, &again, &["--json", "restore", place]);
    assert_eq!(run.events().last().unwrap()["event"], "restored", "{run:?}");
    assert_sound(&library, &again);
    let picture = folder.path().join("frame.webp");
    for words in [
        &["--json", "show", &id, "--kind", "frame"][..],
        &["--json", "search", "kite"],
        &["--json", "ls"],
    ] {
        let [answer, wanted] = [at(&library, &again, words), library.run(words)];
        assert_eq!(answer.json()["items"], wanted.json()["items"], "{words:?}");
    }
    let frame = ["frame", &id, "--at", "2", "-o", picture.to_str().unwrap()];
    assert_eq!(at(&library, &again, &frame).code, 0);

    // Each is a library of its own: what a shared cache has of one is never taken for another's.
    let name = |folder: &Path| {
        at(&library, folder, &["--json", "sql", "SELECT identity FROM library"]).json()["rows"]
            .to_string()
    };
    let names = [name(library.path()), name(&to), name(&again)];
    assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2], "{names:?}");

    for (words, code, word) in [
        (["restore", place], 2, "holds a library already"),
        (["restore", folder.path().to_str().unwrap()], 3, "no backup in"),
    ] {
        let run = at(&library, &again, &words);
        assert!(run.code == code && run.stderr.contains(word), "{run:?}");
    }
    let elsewhere = folder.path().join("elsewhere");
    let run = at(&library, &elsewhere, &["restore", place, "--database", "postgres://x/y"]);
    assert!(run.code == 2 && run.stderr.contains("pg_restore"), "{run:?}");
    assert!(!elsewhere.exists());
}

#[test]
fn nothing_is_overwritten() {
    let (library, _) = Library::with_clip();
    let held = library.held();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    let within = library.path().join("blobs/backup");
    let (other, _) = Library::with_clip();
    let others = other.held();
    for (to, word) in [
        (library.path(), "lie within each other"),
        (&within, "lie within each other"),
        (library.path().parent().unwrap(), "lie within each other"),
        (other.path(), "holds a library already"),
        (folder.path(), "holds other things (file)"),
        (&file, "name a folder"),
    ] {
        let run = backup(&library, to);
        assert!(run.code == 2 && run.stderr.contains(word), "{word}: {run:?}");
    }
    assert_eq!((library.held(), other.held()), (held, others));
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// What a backup that was killed, or whose machine lost its power, may leave.
#[test]
fn a_backup_that_was_broken_off_is_no_library_and_is_gone_on_with() {
    let (library, _) = Library::with_clip();
    let (_folder, to) = somewhere();
    assert_eq!(backup(&library, &to).code, 0);
    std::fs::rename(to.join("rushes.db"), to.join("rushes.db.part")).unwrap();
    std::fs::remove_file(to.join("moves.bin")).ok();
    std::fs::write(to.join("rushes.db.part-wal"), "half a page").unwrap();
    std::fs::write(to.join("backup.lock"), "").unwrap();
    std::fs::write(to.join("blobs/tmp/half"), "half a picture").unwrap();
    let blobs = blobs_of(&to);
    std::fs::write(&blobs[0], "").unwrap();
    std::fs::remove_file(&blobs[1]).unwrap();
    let stray = to.join("blobs/00").join("0".repeat(64));
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    std::fs::write(&stray, "of a video that was deleted since").unwrap();

    assert_eq!(at(&library, &to, &["ls"]).code, 3);
    let run = backup(&library, &to);
    assert_eq!(run.code, 0, "{run:?}");
    assert_sound(&library, &to);
    assert_eq!(blobs_of(&to), blobs);
    let names: Vec<_> =
        std::fs::read_dir(&to).unwrap().map(|item| item.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_str().unwrap().contains("part")), "{names:?}");
    assert!(!to.join("backup.lock").exists());
}

fn blobs_of(library: &Path) -> Vec<PathBuf> {
    let mut blobs = Vec::new();
    for folder in std::fs::read_dir(library.join("blobs")).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() && !folder.ends_with("tmp") {
            blobs.extend(std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
        }
    }
    blobs.sort();
    blobs
}

#[test]
fn what_is_missing_or_damaged_is_told_and_the_rest_backed_up() {
    let (library, _) = Library::with_clip();
    let blobs = blobs_of(library.path());
    std::fs::remove_file(&blobs[0]).unwrap();
    std::fs::write(&blobs[1], "not the picture").unwrap();
    let doctor = library.run(["doctor"]);
    assert!(doctor.code == 7, "{doctor:?}");
    assert!(doctor.text().contains("1 files are missing and 1 damaged"), "{doctor:?}");
    let (_folder, to) = somewhere();
    let run = backup(&library, &to);
    assert_eq!(run.code, 7, "{run:?}");
    let problems = run.events().last().unwrap()["problems"].to_string();
    assert!(problems.contains("is missing") && problems.contains("is damaged"), "{problems}");
    assert_eq!(blobs_of(&to).len(), blobs.len() - 2);
    let doctor = at(&library, &to, &["doctor"]);
    assert!(doctor.code == 7 && doctor.text().contains("2 files are missing"), "{doctor:?}");
}
