use std::path::Path;
use std::time::Duration;

use super::{Database, Settings, reference};
use crate::error::Result;

fn load(file: &str, env: &[(&str, &str)], flags: &[(&str, String)]) -> Result<Settings> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rushes.toml");
    std::fs::write(&path, file).unwrap();
    let env: Vec<_> = env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Settings::load_from(Some(&path), flags, move |name| {
        env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    })
}

#[test]
fn a_flag_wins_over_environment_over_file_over_default() {
    let file = "memory = \"1MB\"\nttl = 2\nupload = 5";
    let env = [("RUSHES_MEMORY", "2MB"), ("RUSHES_TTL", "30m")];
    let settings = load(file, &env, &[("memory", "3MB".into())]).unwrap();
    assert_eq!(settings.memory, 3 << 20);
    assert_eq!(settings.ttl, Duration::from_secs(1800));
    assert_eq!(settings.upload, 5);
    assert_eq!(settings.staleness, Settings::default().staleness);
}

#[test]
fn the_first_designs_variables_are_understood_and_ours_win() {
    let env =
        [("DATABASE_PATH", "data/bri.db"), ("CACHE_TTL_HOURS", "2"), ("LOG_LEVEL", "WARNING")];
    let settings = load("", &env, &[]).unwrap();
    assert_eq!(settings.database, Some(Database::File("data/bri.db".into())));
    assert_eq!(settings.ttl, Duration::from_secs(7200));
    assert_eq!(settings.log_level, "warn");
    let both = [("LOG_LEVEL", "INFO"), ("RUSHES_LOG_LEVEL", "debug")];
    assert_eq!(load("", &both, &[]).unwrap().log_level, "debug");
}

#[test]
fn a_wrong_value_names_its_place_and_what_was_wanted() {
    let error = load("memory = \"lots\"", &[], &[]).unwrap_err().to_string();
    assert!(error.contains("rushes.toml: memory: \"lots\" should be bytes"), "{error}");
    let error = load("memroy = 1", &[], &[]).unwrap_err().to_string();
    assert!(error.contains("memroy") && error.contains("memory"), "{error}");
    let error = load("", &[("RUSHES_TTL", "-1")], &[]).unwrap_err().to_string();
    assert!(error.starts_with("RUSHES_TTL: "), "{error}");
}

#[test]
fn what_looks_like_a_setting_and_is_none_is_told() {
    let names = ["RUSHES_MEMROY", "RUSHES_MEMORY", "RUSHES_CONFIG", "PATH"].map(str::to_owned);
    assert_eq!(Settings::unknown(names), ["RUSHES_MEMROY"]);
    let error = load("log_level = \"nosuch\"", &[], &[]).unwrap_err().to_string();
    assert!(error.contains("nosuch") && error.contains("debug"), "{error}");
    assert_eq!(load("", &[("LOG_LEVEL", "WARNING")], &[]).unwrap().log_level, "warn");
}

#[test]
fn a_database_is_a_file_or_a_url_whose_password_nobody_sees() {
    let url = "postgres://me:secret@host/library";
    let settings = load("", &[("RUSHES_DATABASE", url)], &[]).unwrap();
    assert_eq!(settings.database, Some(Database::Postgres(url.into())));
    assert!(!format!("{settings:?}").contains("secret"));
    let error = load("", &[("RUSHES_DATABASE", "mysql://me:secret@host/library")], &[]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("\"mysql://…\" should be a file") && !error.contains("secret"));
}

#[test]
fn the_reference_page_is_the_one_in_docs() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("RUSHES_WRITE_DOCS").is_some() {
        std::fs::write(&page, reference()).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap();
    assert_eq!(found, reference(), "run the test with RUSHES_WRITE_DOCS=1 to write the page");
}
