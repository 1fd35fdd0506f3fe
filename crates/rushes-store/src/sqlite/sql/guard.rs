//! What a statement may do, asked of by SQLite while it prepares one; and what it was seen to read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::error::{Error, Result};

/// Tables of the library: they change through the typed writes only.
pub(super) const OWN: [&str; 11] = [
    "library",
    "videos",
    "names",
    "recipes",
    "runs",
    "lanes",
    "entries",
    "entries_text",
    "messages",
    "generations",
    "sql_generations",
];
/// Prefix of the triggers that watch tables of the user's.
pub(super) const WATCH: &str = "rushes_";
/// Pragmas that only tell.
const TELLING: [&str; 11] = [
    "data_version",
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "function_list",
    "schema_version",
    "page_count",
];
/// Functions that reach outside of the database.
const REACHING: [&str; 4] = ["load_extension", "readfile", "writefile", "fts3_tokenizer"];

/// What the statements of a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Read.
    Read,
    /// Read and write, save to the library's own tables.
    Write,
    /// Anything: statements of our own.
    Trust,
}

/// What the statement that was prepared last was seen to do.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted {
    /// Tables and views that it reads, each with the view that it is read for.
    pub(super) reads: BTreeSet<(String, Option<String>)>,
    /// Views and triggers by whose text something is done.
    pub(super) accessors: BTreeSet<String>,
    /// Functions that it calls.
    pub(super) functions: BTreeSet<String>,
    /// Whether it asks a pragma.
    pub(super) pragma: bool,
    refused: Option<String>,
}

/// A connection's guard, shared with SQLite.
#[derive(Clone, Debug)]
pub(super) struct Guard(Arc<Mutex<(Mode, Noted)>>);

impl Guard {
    /// Puts a guard before a connection.
    pub(super) fn before(db: &mut Connection, mode: Mode) -> Result<Self> {
        let guard = Self(Arc::new(Mutex::new((mode, Noted::default()))));
        let inner = guard.clone();
        db.authorizer(Some(move |context: AuthContext<'_>| inner.judge(&context)))?;
        Ok(guard)
    }

    fn state(&self) -> MutexGuard<'_, (Mode, Noted)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was noted, and says what is allowed from now on.
    pub(super) fn allow(&self, mode: Mode) {
        *self.state() = (mode, Noted::default());
    }

    /// What was noted since.
    pub(super) fn noted(&self) -> Noted {
        self.state().1.clone()
    }

    /// Says what was refused instead of SQLite's "not authorized".
    pub(super) fn explain(&self, error: rusqlite::Error) -> Error {
        match self.state().1.refused.take() {
            Some(what) => Error::Invalid(what),
            None => sql_error(error),
        }
    }

    fn judge(&self, context: &AuthContext<'_>) -> Authorization {
        let mut state = self.state();
        let mode = state.0;
        let verdict = state.1.note(mode, context);
        if let Some(what) = verdict {
            state.1.refused.get_or_insert(what);
            return Authorization::Deny;
        }
        Authorization::Allow
    }
}

impl Noted {
    /// Notes an action; tells why it is refused, if it is.
    fn note(&mut self, mode: Mode, context: &AuthContext<'_>) -> Option<String> {
        let accessor = context.accessor.map(str::to_owned);
        self.accessors.extend(accessor.clone());
        match context.action {
            AuthAction::Select | AuthAction::Recursive => return None,
            AuthAction::Read { table_name, .. } => {
                self.reads.insert((table_name.to_owned(), accessor));
                return None;
            }
            AuthAction::Function { function_name } => {
                let name = function_name.to_lowercase();
                let reaches = REACHING.contains(&name.as_str());
                self.functions.insert(name);
                return reaches
                    .then(|| format!("{function_name}() reaches outside of the database"));
            }
            AuthAction::Pragma { pragma_name, pragma_value } => {
                self.pragma = true;
                let telling = TELLING.contains(&pragma_name.to_lowercase().as_str());
                let sets = pragma_name.ends_with("_version") && pragma_value.is_some();
                if telling && !sets {
                    return None;
                }
            }
            _ => {}
        }
        match mode {
            Mode::Trust => None,
            Mode::Read => refused_when_reading(&context.action),
            Mode::Write => refused_when_writing(context),
        }
    }
}

fn refused_when_reading(action: &AuthAction<'_>) -> Option<String> {
    match action {
        // A table-valued function declares its columns so.
        AuthAction::Update { table_name, .. } if table_name.starts_with("sqlite_") => None,
        other => Some(format!("only reading is allowed here: {}", what(other))),
    }
}

fn refused_when_writing(context: &AuthContext<'_>) -> Option<String> {
    let ours = context.accessor.is_some_and(|name| name.starts_with(WATCH));
    let table = match context.action {
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::DropTable { table_name }
        | AuthAction::DropView { view_name: table_name }
        | AuthAction::AlterTable { table_name, .. }
        | AuthAction::CreateIndex { table_name, .. }
        | AuthAction::DropIndex { table_name, .. }
        | AuthAction::DropVtable { table_name, .. } => table_name,
        AuthAction::CreateTrigger { trigger_name, table_name }
        | AuthAction::DropTrigger { trigger_name, table_name } => {
            if trigger_name.starts_with(WATCH) {
                return Some(format!("names of triggers that begin with {WATCH} are taken"));
            }
            table_name
        }
        AuthAction::CreateTable { table_name } | AuthAction::CreateVtable { table_name, .. } => {
            table_name
        }
        AuthAction::CreateView { .. } | AuthAction::Analyze { .. } | AuthAction::Reindex { .. } => {
            return None;
        }
        ref other => return Some(format!("not allowed here: {}", what(other))),
    };
    let own = |name: &str| OWN.contains(&name) || name.starts_with("entries_text");
    let own =
        own(table) || ["timeline", "conversation", "searchable", "migrations"].contains(&table);
    (own && !ours).then(|| {
        format!("{table} belongs to the library, which changes by ingest, import, memory and rm")
    })
}

/// An action in words.
fn what(action: &AuthAction<'_>) -> String {
    match action {
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }
            if table_name.starts_with("sqlite_") =>
        {
            let temporary = table_name.starts_with("sqlite_temp");
            if temporary { "temporary tables" } else { "altering the database" }.to_owned()
        }
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => "ATTACH and DETACH".to_owned(),
        AuthAction::Pragma { pragma_name, .. } => format!("PRAGMA {pragma_name}"),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            "BEGIN, COMMIT, SAVEPOINT; each call is a transaction of its own".to_owned()
        }
        AuthAction::Insert { table_name } => format!("INSERT into {table_name}"),
        AuthAction::Update { table_name, .. } => format!("UPDATE of {table_name}"),
        AuthAction::Delete { table_name } => format!("DELETE from {table_name}"),
        AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempView { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempIndex { .. } => "temporary tables".to_owned(),
        _ => "altering the database".to_owned(),
    }
}

/// What is wrong with a statement is its author's to mend; the rest is the database's.
pub(super) fn sql_error(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    match &error {
        rusqlite::Error::MultipleStatement => {
            Error::invalid("one statement at a time: split them at the semicolons")
        }
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            let place = if *offset >= 0 { format!(" (at byte {offset})") } else { String::new() };
            Error::Invalid(format!("{msg}{place}"))
        }
        rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
            ErrorCode::Unknown
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ApiMisuse
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::ReadOnly
            | ErrorCode::ParameterOutOfRange => {
                Error::Invalid(message.clone().unwrap_or_else(|| error.to_string()))
            }
            ErrorCode::OutOfMemory => {
                Error::invalid("the statement needs more memory than it may take")
            }
            _ => error.into(),
        },
        _ => error.into(),
    }
}
