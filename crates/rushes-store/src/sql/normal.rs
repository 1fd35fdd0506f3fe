//! Statements without their particulars: what makes two of them the same for statistics, and what
//! may be written into a log.

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// The longest text that is looked at; longer statements are cut.
const LONGEST: usize = 4000;

/// The statement with every literal and parameter as `?`, words in one case, blanks and comments
/// as one blank, and lists of values as one value. Holds nothing of what was asked for. What
/// cannot be read as SQL becomes `unreadable`.
pub(crate) fn normal(sql: &str, dialect: &dyn Dialect) -> String {
    let Ok(tokens) = Tokenizer::new(dialect, head(sql)).tokenize() else {
        return "unreadable".to_owned();
    };
    let words: Vec<String> = tokens.iter().filter(|token| !blank(token)).map(word).collect();
    let mut text = String::new();
    let mut last = String::new();
    for word in with_short_lists(words) {
        let calls = word == "(" && last.ends_with(char::is_alphanumeric) && !is_structure(&last);
        let glued = calls || matches!(word.as_str(), "," | ")" | "." | ";");
        let open = text.is_empty() || text.ends_with(['(', '.']);
        if !glued && !open {
            text.push(' ');
        }
        text.push_str(&word);
        last = word;
    }
    text.trim_end_matches([';', ' ']).to_owned()
}

fn head(sql: &str) -> &str {
    let mut end = sql.len().min(LONGEST);
    while !sql.is_char_boundary(end) {
        end -= 1;
    }
    &sql[..end]
}

fn blank(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_) | Token::EOF)
}

/// The words that show how a statement is built.
const STRUCTURE: [&str; 46] = [
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CONFLICT",
    "CROSS",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DO",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "SELECT",
    "SET",
    "THEN",
    "UNION",
    "UPDATE",
    "VALUES",
    "WHEN",
    "WHERE",
];

fn is_structure(word: &str) -> bool {
    STRUCTURE.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn word(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_some() => token.to_string(),
        Token::Word(word) if is_structure(&word.value) => word.value.to_uppercase(),
        Token::Word(word) => word.value.to_lowercase(),
        Token::Number(..) | Token::Placeholder(_) | Token::Char(_) => "?".to_owned(),
        Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_) => "?".to_owned(),
        // SQLite takes it for text when nothing has that name: it may be a secret.
        Token::DoubleQuotedString(_) => "?".to_owned(),
        other => other.to_string(),
    }
}

/// `(?, ?, ?)` as `(?)`, and `(?), (?)` as `(?)`.
fn with_short_lists(words: Vec<String>) -> Vec<String> {
    let mut short: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        short.push(word);
        loop {
            let length = short.len();
            let ends = |tail: &[&str]| {
                length >= tail.len() && short[length - tail.len()..].iter().eq(tail)
            };
            if ends(&["?", ",", "?"]) {
                short.truncate(length - 2);
            } else if ends(&["(", "?", ")", ",", "(", "?", ")"]) {
                short.truncate(length - 4);
            } else {
                break;
            }
        }
    }
    short
}

/// What a statement does, by its first word.
pub(crate) fn verb(normal: &str) -> &'static str {
    let first = normal.split([' ', '(']).next().unwrap_or_default();
    let known = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES"];
    match known.into_iter().find(|verb| verb.eq_ignore_ascii_case(first)) {
        Some("WITH" | "VALUES") => "SELECT",
        Some("REPLACE") => "INSERT",
        Some(verb) => verb,
        None => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sqlparser::dialect::SQLiteDialect;

    fn normal(sql: &str) -> String {
        super::normal(sql, &SQLiteDialect {})
    }

    #[test]
    fn statements_that_differ_in_values_only_are_one() {
        let wanted = "SELECT a, b.c FROM t WHERE x = ? AND y IN (?) LIMIT ?";
        for sql in [
            "select a,b.c from T where X=1 and y in (1,2,3) limit 5",
            "SELECT a, b.c\n FROM t -- why\n WHERE x = 'O''Hara' AND y IN (?, ?2) /* z */ LIMIT ?;",
            "select a, b.c from t where x=x'00ff' and y in (-1.5e3) limit 0x10",
        ] {
            let found = normal(sql).replace("(- ?)", "(?)").replace("(-?)", "(?)");
            assert_eq!(found.to_lowercase(), wanted.to_lowercase(), "{sql}");
        }
        let bulk = normal("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL)");
        assert!(!bulk.contains('a') || bulk.len() < 60, "{bulk}");
        assert_eq!(verb(&normal("with x as (select 1) select * from x")), "SELECT");
        assert_eq!(verb(&normal("replace into t values (1)")), "INSERT");
        assert_eq!(verb(&normal("vacuum")), "OTHER");
    }

    proptest! {
        #[test]
        fn any_text_has_a_normal_form_without_its_secrets(a in ".{0,80}", b in ".{0,80}") {
            normal(&a);
            let hidden = format!("SELECT * FROM t WHERE key = 'qzsecretqz' AND {a} = '{b}'");
            let shown = normal(&hidden);
            prop_assert!(!shown.contains("qzsecretqz"), "{}", shown);
            prop_assert_eq!(normal(&shown), shown.clone(), "not its own normal form");
        }
    }
}
