//! What people type, and what comes back.

use std::process::Stdio;

use crate::library::Library;
use crate::media;

#[test]
fn a_video_goes_in_is_listed_shown_and_goes_out() {
    let (library, id) = Library::with_entries();
    let listed = library.run(["ls"]).text();
    assert!(listed.contains(&id) && listed.contains("clip.mp4"), "{listed}");
    assert!(listed.contains("320x240") && listed.contains("0:00:06"), "{listed}");

    let shown = library.run(["show", &id[..8]]).text();
    for part in ["frame", "caption", "object", "clip.mp4"] {
        assert!(shown.contains(part), "{shown}");
    }
    let window = ["show", "clip.mp4", "--kind", "caption", "--from", "0:02", "--to", "3.5"];
    let captions = library.run(window).text();
    assert!(captions.contains("red kite") && captions.contains("crowd"), "{captions}");
    let early = library.run(["show", "clip.mp4", "--kind", "caption", "--to", "0.5"]).text();
    assert!(early.contains("none found"), "{early}");
    let never = library.run(["show", "clip.mp4", "--kind", "ocr"]).text();
    assert!(never.contains("ocr: never computed"), "{never}");

    assert_eq!(library.run(["rm", &id]).code, 0);
    assert!(library.run(["ls"]).text().contains("empty"));
    assert_eq!(library.run(["show", &id]).code, 3);
}

#[test]
fn ingest_tells_events_and_the_same_bytes_change_nothing() {
    let library = Library::new();
    let clip = media::clip();
    let ingest = ["--json", "ingest", clip.to_str().unwrap(), "--every", "500ms"];
    let events = library.run(ingest).events();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!((names.first(), names.last()), (Some(&"probed"), Some(&"ingested")));
    let done = events.last().unwrap();
    assert_eq!((&done["frames"], &done["unchanged"]), (&12.into(), &false.into()), "{done}");
    let held = library.held();
    let again = library.run(ingest).events();
    assert_eq!(again.last().unwrap()["unchanged"], true);
    assert_eq!(library.held(), held);
}

#[test]
fn an_import_tells_its_source_and_takes_the_place_of_its_own_forerunner() {
    let (library, id) = Library::with_clip();
    let line = |text: &str| format!("{{\"start\": 1, \"text\": \"{text}\"}}\n");
    let import = |file: &str, text: &str, more: &[&str]| {
        let file = media::written(file, text.as_bytes());
        let words = ["import", &id, "--captions", file.to_str().unwrap()];
        library.run(words.iter().chain(more)).text()
    };
    import("source-a.jsonl", &line("one"), &[]);
    import("source-b.jsonl", &line("two"), &["--model", "seer 2"]);
    let shown = library.run(["show", &id]).text();
    assert!(shown.contains("seer 2 (source-b.jsonl), source-a.jsonl"), "{shown}");
    let told = import("source-a.jsonl", &line("ONE"), &[]);
    assert!(told.contains("1 caption, 1 older removed"), "{told}");
    let told = import("source-a.jsonl", &(line("ONE") + "nonsense\n"), &["--add"]);
    assert!(told.contains("1 there already") && told.contains("line 2: not JSON"), "{told}");

    let (one, two) = (
        media::written("r1.jsonl", line("r1").as_bytes()),
        media::written("r2.jsonl", line("r2").as_bytes()),
    );
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let words = ["import", &id, "--captions", one, "--captions", two, "--replace"];
    assert_eq!(library.run(words).code, 0);
    let left = library.run(["show", &id, "--kind", "caption"]).text();
    assert!(left.contains("r1") && left.contains("r2") && !left.contains("ONE"), "{left}");
    let mixed = ["import", &id, "--captions", one, "--entries", two, "--replace"];
    assert_eq!(library.run(mixed).code, 2);
}

#[test]
fn each_way_of_sampling_is_understood() {
    let clip = media::clip();
    for (ways, frames) in [
        (&["--every", "2"][..], 3),
        (&["--frames", "4"], 4),
        (&["--keyframes"], 6),
        (&["--at", "0.5,0:02.05"], 2),
        (&["--scene=0.99"], 1),
        (&["--scene"], 1),
    ] {
        let library = Library::new();
        let words = ["--json", "ingest", clip.to_str().unwrap()];
        let run = library.run(words.iter().chain(ways));
        let done = run.events().pop().unwrap();
        assert_eq!(done["frames"], frames, "{ways:?}: {run:?}");
    }
    let both = Library::new().run(["ingest", "x.mp4", "--keyframes", "--every", "1"]);
    assert_eq!(both.code, 2, "{both:?}");
}

#[test]
fn a_batch_goes_on_past_a_bad_file_and_names_it() {
    let library = Library::new();
    let bad = media::written("bad.mp4", b"this is no video");
    let (clip, other) = (media::clip(), media::other_clip());
    let words = ["ingest"].map(std::ffi::OsStr::new);
    let files = [clip.as_os_str(), bad.as_os_str(), other.as_os_str()];
    let run = library.run(words.into_iter().chain(files));
    assert_eq!(run.code, 4, "{run:?}");
    assert!(run.stderr.contains("failed:"), "{run:?}");
    assert_eq!(run.stderr.matches("bad.mp4").count(), 1, "{run:?}");
    let listed = library.run(["ls"]).text();
    assert!(listed.contains("clip.mp4") && listed.contains("other.webm"), "{listed}");
}

#[test]
fn a_batch_goes_on_past_a_folder_without_videos() {
    let (library, empty) = (Library::new(), tempfile::tempdir().unwrap());
    let run = library.run(["ingest".as_ref(), empty.path().as_os_str(), media::clip().as_os_str()]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("no video file in"), "{run:?}");
    assert!(library.run(["ls"]).text().contains("clip.mp4"));
    let nothing = Library::new();
    assert_eq!(nothing.run(["ingest".as_ref(), empty.path().as_os_str()]).code, 3);
    assert!(!nothing.path().join("rushes.db").exists(), "a library was made for nothing");
}

#[test]
fn an_import_reads_standard_input_once() {
    let (library, id) = Library::with_clip();
    let captions = br#"{"start": 0, "end": 1, "text": "a heron lands"}"#;
    let run = library.run_with(["import", &id, "--captions", "-"], captions);
    assert!(run.code == 0 && run.text().contains("1 caption"), "{run:?}");
    assert!(library.run(["search", "heron"]).text().contains("heron"));
    let run = library.run_with(["import", &id, "--captions", "-", "--kind", "ocr", "-"], captions);
    assert_eq!(run.code, 2, "{run:?}");
}

#[test]
fn all_pages_come_in_one_go() {
    let (library, id) = Library::with_entries();
    let page = library.run(["show", &id, "--kind", "frame", "--limit", "2", "--total", "exact"]);
    let all = library.run(["show", &id, "--kind", "frame", "--limit", "2", "--all"]).text();
    let lines = library.run(["--json", "show", &id, "--kind", "frame", "--limit", "2", "--all"]);
    let count = lines.events().len();
    assert!(page.text().contains(&format!("\n{count} in all\n")) && count > 2, "{page:?}");
    assert_eq!(all.lines().count(), count + 1, "one heading: {all}");
}

#[test]
fn a_folder_is_searched_and_standard_input_needs_a_name() {
    let library = Library::new();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    std::fs::copy(media::clip(), folder.path().join("deep/a.mp4")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no video").unwrap();
    assert_eq!(library.run(["ingest", folder.path().to_str().unwrap()]).code, 0);
    assert!(library.run(["ls"]).text().contains("a.mp4"));

    let bytes = std::fs::read(media::other_clip()).unwrap();
    assert_eq!(library.run_with(["ingest", "-"], &bytes).code, 2);
    let run = library.run_with(["ingest", "-", "--name", "piped.webm"], &bytes);
    assert_eq!(run.code, 0, "{run:?}");
    let shown = library.run(["show", "piped.webm"]).text();
    assert!(shown.contains("in the library"), "{shown}");
    // The bytes were moved on: frames still come from them, and nothing waits to be taken over.
    let frame = library.run(["frame", "piped.webm", "--at", "1.3"]);
    assert_eq!(frame.code, 0, "{frame:?}");
    assert_eq!(std::fs::read_dir(library.path().join("incoming")).unwrap().count(), 0);
}

#[test]
fn questions_are_answered_for_people_and_programs() {
    let (library, id) = Library::with_entries();
    let found = library.run(["search", "kite"]).text();
    assert!(found.contains("0:00:01.000") && found.contains("**kite**"), "{found}");
    let labelled = library.run(["--json", "search", "--label", "kite"]).json();
    assert_eq!(labelled["items"][0]["kind"], "object", "{labelled}");

    let context = library.run(["context", &id, "--at", "2", "--budget", "200"]).text();
    assert!(context.contains("red kite") && context.contains("of 200 tokens"), "{context}");
    let context = library.run(["--json", "context", &id, "--from", "0", "--to", "6"]).json();
    assert!(context["tokens"].as_u64() <= context["budget"].as_u64(), "{context}");

    let reference = context["lines"][0]["reference"].as_str().unwrap().to_owned();
    let cited = library.run(["cite", &reference]);
    assert_eq!(cited.code, 0, "{cited:?}");
    assert!(cited.text().contains("clip.mp4"), "{cited:?}");

    let stats = library.run(["stats"]).text();
    assert!(stats.contains("cache") && stats.contains("store"), "{stats}");
}

#[test]
fn a_search_tells_never_computed_from_none_found() {
    let (library, id) = Library::with_clip();
    let never = library.run(["search", "kite"]).text();
    assert!(never.contains("transcript: never computed"), "{never}");
    assert!(!never.contains("none found"), "{never}");
    let spoken = media::written("spoken.srt", b"1\n00:00:01,000 --> 00:00:02,000\nhello\n");
    let seen = media::written("seen.srt", b"1\n00:00:01,000 --> 00:00:02,000\na crowd\n");
    let import = |flag: &str, file: std::path::PathBuf| {
        assert_eq!(library.run(["import", &id, flag, file.to_str().unwrap()]).code, 0);
    };
    import("--transcript", spoken);
    let both = library.run(["search", "kite"]).text();
    assert!(both.starts_with("none found\ncaption: never computed"), "{both}");
    import("--captions", seen);
    assert_eq!(library.run(["search", "kite"]).text(), "none found\n");
}

#[test]
fn what_was_typed_is_told_again_within_bounds() {
    let (library, id) = Library::with_clip();
    let long = "x".repeat(100_000);
    let number = "9".repeat(400);
    let caption = format!("{{\"start\": {}e200, \"text\": \"x\"}}\n", "9".repeat(100));
    let file = media::written("far.jsonl", caption.as_bytes());
    for words in [
        &["show", &long[..5000]][..],
        &["show", &long[..1000]],
        &["frame", &id, "--at", &long],
        &["frame", &id, "--at", &number, "--dry-run"],
        &["show", &id, "--limit", &number],
        &["show", &id, "--kind", &long],
        &["import", &id, "--captions", file.to_str().unwrap()],
        &["cite", &long],
        &["ingest", &long[..4000]],
        &[&long],
    ] {
        let run = library.run(words);
        assert!(run.code != 0 && run.stderr.len() < 1200, "{:.40}: {run:?}", words.join(" "));
        assert!(!run.stderr.contains(&"9".repeat(60)), "{run:?}");
    }
}

#[test]
fn memory_is_appended_and_listed() {
    let (library, id) = Library::with_clip();
    assert_eq!(library.run(["memory", "add", &id, "Where is the kite?"]).code, 0);
    let said = ["memory", "add", &id, "-", "--role", "assistant"];
    assert_eq!(library.run_with(said, b"At 0:01.").code, 0);
    let listed = library.run(["memory", "list", &id]).text();
    assert_eq!(listed, "user: Where is the kite?\nassistant: At 0:01.\n");
}

#[test]
fn pictures_go_to_files_or_pipes_and_a_dry_run_states_the_cost() {
    let (library, id) = Library::with_clip();
    let piped = library.run(["frame", &id, "--at", "2.55", "--format", "png"]);
    assert_eq!(&piped.stdout[..4], b"\x89PNG");

    let file = library.path().join("out.jpg");
    let sheet = library.run(["--json", "sheet", &id, "-o", file.to_str().unwrap()]).json();
    assert_eq!(&std::fs::read(&file).unwrap()[..2], b"\xff\xd8");
    assert_eq!(sheet["bytes"], file.metadata().unwrap().len(), "{sheet}");
    let dry = library.run(["sheet", &id, "--dry-run"]).text();
    assert!(dry.contains("tokens:"), "{dry}");
    let dry = library.run(["--json", "frame", &id, "--number", "3", "--dry-run"]).json();
    assert_eq!((&dry["number"], &dry["bytes"]), (&3.into(), &0.into()), "{dry}");
    assert!(dry["tokens"].as_object().is_some_and(|families| !families.is_empty()), "{dry}");

    let folder = library.path().join("burst");
    let burst = ["burst", &id, "--from", "1", "--to", "2", "--count", "4", "-o"];
    let run = library.run(burst.into_iter().chain([folder.to_str().unwrap()]));
    assert_eq!(run.text().lines().count(), 4, "{run:?}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4);

    let cut = ["--json", "clip", &id, "--from", "1", "--to", "3.5"];
    let dry = library.run(cut.iter().chain(&["--dry-run"])).json();
    let file = library.path().join("cut.mp4");
    let made = library.run(cut.iter().chain(&["-o", file.to_str().unwrap()])).json();
    assert_eq!((&dry["bytes"], &dry["duration"]), (&0.into(), &2.5.into()), "{dry}");
    for same in ["from", "to", "duration", "width", "height", "tokens", "media_type"] {
        assert_eq!(dry[same], made[same], "{same}: {dry} {made}");
    }
    assert_eq!(made["bytes"], file.metadata().unwrap().len());
    let told = library.run(["clip", &id, "--from", "1", "--to", "2", "--dry-run"]).text();
    assert!(told.contains("320x240, 1.000 s") && told.contains("tokens:"), "{told}");
    std::fs::remove_file(&file).unwrap();
    let clip = library.run(["clip", &id, "--from", "1", "--to", "2"]);
    assert_eq!(&clip.stdout[4..8], b"ftyp", "{}", clip.stderr);
    let refused = library.run(["--json", "frame", &id, "--at", "1"]);
    assert!(refused.code == 2 && refused.stderr.contains("-o FILE"), "{refused:?}");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let (library, _) = Library::with_clip();
    let mut child =
        library.command().arg("ls").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The pipe has no reader before the command writes.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn failures_are_told_in_words_and_in_json() {
    let (library, _) = Library::with_clip();
    let run = library.run(["show", "nothing-here"]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.starts_with("rushes: "), "{run:?}");
    let run = library.run(["--json", "show", "nothing-here"]);
    let told: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(told["error"]["kind"], "not_found");
    assert!(run.stdout.is_empty());
    for wrong in [&["--json", "no-such-command"][..], &["--json", "ls", "--limit", "many"]] {
        let run = library.run(wrong);
        let told: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
        assert_eq!((run.code, &told["error"]["kind"]), (2, &"invalid".into()), "{run:?}");
    }
    assert_eq!(library.run(["no-such-command"]).code, 2);
    let help = library.run(["--help"]).text();
    assert!(help.contains("Exit codes:") && help.contains("130"), "{help}");
    // The settings stand there once and nowhere else, and every command takes them.
    assert!(help.contains("--staleness <VALUE>"), "{help}");
    let of_one = library.run(["ls", "--help"]).text();
    assert!(!of_one.contains("--staleness") && of_one.contains("--library"), "{of_one}");
    assert_eq!(library.run(["ls", "--staleness", "5ms"]).code, 0);
    assert!(library.run(["completions", "bash"]).text().contains("_rushes"));
}

#[test]
fn settings_come_from_flags_over_the_environment() {
    let library = Library::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().join("lib");
    let words = ["--library", folder.to_str().unwrap(), "--memory", "1MB", "ingest"];
    let run = library.run(words.into_iter().chain([media::clip().to_str().unwrap()]));
    assert!(run.code == 0 && folder.is_dir(), "{run:?}");
    let wrong = library.run(["--memory", "lots", "ls"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("--memory"), "{wrong:?}");
}

#[test]
fn the_doctor_looks_at_programs_and_library() {
    let (library, _) = Library::with_clip();
    let report = library.run(["--json", "doctor"]).json();
    assert_eq!(report["sound"], true, "{report}");
    assert_eq!(report["tools"][0]["name"], "ffmpeg");
    assert!(report["tools"][1]["version"].is_string(), "{report}");
    let healthy = library.run(["doctor"]);
    assert!(healthy.code == 0 && healthy.text().contains("all is sound"), "{healthy:?}");

    let alone = library.command().arg("doctor").env("PATH", "/nowhere").output().unwrap();
    assert_eq!(alone.status.code(), Some(6), "{alone:?}");
}

#[test]
fn the_doctor_sees_a_damaged_database() {
    let (library, _) = Library::with_clip();
    std::fs::write(library.path().join("rushes.db"), "not a database at all").unwrap();
    let run = library.run(["doctor"]);
    assert_eq!(run.code, 7, "{run:?}");
}

#[test]
fn copies_among_pictures_are_found_and_removed_only_on_demand() {
    let (library, id) = Library::with_clip();
    let pictures = tempfile::tempdir().unwrap();
    let at = |name: &str| pictures.path().join(name).to_str().unwrap().to_owned();
    for (name, width) in [("a.png", "full"), ("b.jpg", "160")] {
        let made = library.run(["frame", &id, "--at", "1", "--width", width, "-o", &at(name)]);
        assert_eq!(made.code, 0, "{made:?}");
    }
    let folder = at("");
    let found = library.run(["dedup", &folder, "--json"]).json();
    assert_eq!((&found["pictures"], &found["removed"]), (&2.into(), &0.into()), "{found}");
    let copy = &found["copies"][0];
    assert_eq!((&copy["file"], &copy["of"]), (&at("b.jpg").into(), &at("a.png").into()));
    let text = library.run(["dedup", &folder, "--remove"]).text();
    assert!(text.contains("1 copies deleted"), "{text}");
    assert!(pictures.path().join("a.png").exists() && !pictures.path().join("b.jpg").exists());
    assert_eq!(library.run(["dedup", &at("nothing")]).code, 3);
    assert_eq!(library.run(["dedup", &folder, "--similarity", "2"]).code, 2);
}

#[test]
fn what_writes_answers_a_token_that_every_read_takes() {
    let (library, id) = Library::with_entries();
    let written = library.run(["--json", "memory", "add", &id, "hello"]);
    let token = written.json()["token"].as_str().unwrap().to_owned();
    let removed = library.run(["--json", "rm", &id]);
    let later = removed.json()[0]["token"].as_str().unwrap().to_owned();
    assert_ne!(token, later);
    assert_eq!(library.run(["ls", "--token", &later]).code, 0);
    let (strange, _) = Library::with_clip();
    for (library, wrong) in [(&strange, later.as_str()), (&library, "nonsense")] {
        let refused = library.run(["ls", "--token", wrong]);
        assert!(refused.code == 2 && refused.stderr.contains("token"), "{refused:?}");
    }
    let future = format!("{later}000");
    let refused = library.run(["ls", "--token", &future]);
    assert!(refused.code == 6 && refused.stderr.contains("token"), "{refused:?}");
}

#[test]
fn a_printed_time_leads_back_to_its_frame() {
    let library = Library::new();
    let clip = media::ntsc();
    assert_eq!(library.run(["ingest", clip.to_str().unwrap()]).code, 0);
    let asked = |by: &str, value: &str| {
        let answer = library.run(["--json", "frame", "ntsc.mp4", by, value, "--dry-run"]).json();
        (answer["number"].as_u64().unwrap(), answer["time"].as_str().unwrap().to_owned())
    };
    for number in [0, 1, 10, 11, 12, 59] {
        let (_, time) = asked("--number", &number.to_string());
        assert_eq!(asked("--at", &time).0, number, "{time}");
    }
}

#[test]
fn a_name_that_means_nothing_is_told_before_anything_is_deleted() {
    let (library, id) = Library::with_clip();
    let refused = library.run(["rm", &id, "nothing.mp4"]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("nothing.mp4"), "{}", refused.stderr);
    assert_eq!(library.run(["show", &id]).code, 0, "it is still there");
}

#[test]
fn strict_means_all_files_and_what_was_imported_is_told() {
    let (library, id) = Library::with_clip();
    let good = media::written("good.jsonl", b"{\"start\": 1, \"text\": \"fine\"}\n");
    let bad = media::written("bad.jsonl", b"{\"start\": 1, \"text\": \"fine\"}\n{\"start\": -1}\n");
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
    let strict = ["import", &id, "--captions", good, "--captions", bad, "--strict"];
    assert_eq!(library.run(strict).code, 4);
    let shown = library.run(["show", &id, "--kind", "caption"]).text();
    assert!(shown.contains("never computed"), "{shown}");
    let partly = library.run(["import", &id, "--captions", good, "--captions", "/none.jsonl"]);
    assert_eq!(partly.code, 3);
    assert!(partly.text().contains("1 caption"), "{partly:?}");
}

#[test]
fn a_time_past_the_end_is_no_frame() {
    let library = Library::new();
    let clip = media::clip();
    let refused = library.run(["ingest", clip.to_str().unwrap(), "--at", "1,60"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing is at 60"), "{}", refused.stderr);
}

#[test]
fn a_file_is_what_its_name_says() {
    let (library, id) = Library::with_clip();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (picture, cut) = (at("x.gif"), at("x.xyz"));
    let frame = vec!["frame", &id, "--at", "1", "-o", &picture];
    let clip = vec!["clip", &id, "--from", "1", "--to", "2", "-o", &cut];
    for words in [frame, clip] {
        let refused = library.run(&words);
        assert_eq!(refused.code, 2, "{words:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("is no format that can be written"), "{}", refused.stderr);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
