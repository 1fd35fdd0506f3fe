//! Which video a statement is about: the tables of which it can only see the rows of one group.
//!
//! A table is *narrowed* when, wherever it stands in the statement, the same SELECT demands that
//! its grouping column equals a literal or a parameter: rows of other groups cannot change the
//! answer then. Whatever this page does not understand leaves the table whole, which is always
//! right: the answer is dropped more often than it need be, never too seldom.

use std::collections::HashMap;

use sqlparser::ast::{
    BinaryOperator, Expr, InTarget, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    Query, Select, SetExpr, Statement, TableFactor, TableWithJoins, Value, ValueWithSpan,
};
use sqlparser::dialect::Dialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::value::{Placeholder, SqlValue};

/// Longer statements are not looked into.
const LONGEST: usize = 64 << 10;
/// Longer lists of values are not looked into.
const LIST: usize = 1000;

/// What a grouping column must equal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    /// A value in the statement.
    Literal(SqlValue),
    /// A parameter.
    Param(Placeholder),
}

impl Bound {
    /// For people: the value, or the placeholder.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Literal(SqlValue::Text(text)) => text.clone(),
            Self::Literal(value) => value.to_json().to_string(),
            Self::Param(Placeholder::At(number)) => format!("?{number}"),
            Self::Param(Placeholder::Named(name)) => format!(":{name}"),
        }
    }
}

/// The narrowed ones of `groups` (tables and their grouping columns, lower case), each with all
/// values that its groups may have.
pub(crate) fn narrow(
    sql: &str,
    dialect: &dyn Dialect,
    groups: &HashMap<String, String>,
) -> HashMap<String, Vec<Bound>> {
    let Some((tokens, statement)) = parse(sql, dialect) else { return HashMap::new() };
    let Statement::Query(query) = &statement else { return HashMap::new() };
    let mut walk = Walk { groups, places: places(&tokens), found: HashMap::new() };
    walk.query(query);
    let mut found = walk.found;
    // A table that stands where the walk did not come by is not narrowed.
    found.retain(|table, seen| !seen.whole && seen.count == mentions(&tokens, table));
    found.into_iter().map(|(table, seen)| (table, seen.bounds)).collect()
}

/// The one statement of a text.
pub(crate) fn parse(sql: &str, dialect: &dyn Dialect) -> Option<(Vec<TokenWithSpan>, Statement)> {
    if sql.len() > LONGEST {
        return None;
    }
    let tokens = Tokenizer::new(dialect, sql).tokenize_with_location().ok()?;
    let mut parser = Parser::new(dialect).with_tokens_with_locations(tokens.clone());
    let mut statements = parser.parse_statements().ok()?;
    let statement = statements.pop().filter(|_| statements.is_empty())?;
    Some((tokens, statement))
}

/// How often a name stands in a statement, save as the qualifier of a column.
fn mentions(tokens: &[TokenWithSpan], name: &str) -> usize {
    let words: Vec<&Token> = tokens
        .iter()
        .map(|token| &token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .collect();
    let is_it = |token: &Token| match token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(name),
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => {
            text.eq_ignore_ascii_case(name)
        }
        _ => false,
    };
    let qualifies = |at: usize| matches!(words.get(at + 1), Some(Token::Period));
    words.iter().enumerate().filter(|(at, token)| is_it(token) && !qualifies(*at)).count()
}

/// The position that each plain `?` and `?1` stands for, as SQLite counts. Where names are mixed
/// in, positions are not known.
fn places(tokens: &[TokenWithSpan]) -> HashMap<(u64, u64), usize> {
    let (mut places, mut last) = (HashMap::new(), 0);
    for token in tokens {
        let Token::Placeholder(text) = &token.token else {
            if matches!(token.token, Token::Colon | Token::AtSign) {
                return HashMap::new();
            }
            continue;
        };
        let number = match text.strip_prefix(['?', '$']) {
            Some("") => Some(last + 1),
            Some(digits) => digits.parse().ok().filter(|number| *number > 0),
            None => None,
        };
        let Some(number) = number else { return HashMap::new() };
        last = last.max(number);
        places.insert(key(token.span.start), number);
    }
    places
}

fn key(at: Location) -> (u64, u64) {
    (at.line, at.column)
}

/// What was found of one table.
#[derive(Default)]
struct Seen {
    count: usize,
    whole: bool,
    bounds: Vec<Bound>,
}

struct Walk<'a> {
    groups: &'a HashMap<String, String>,
    places: HashMap<(u64, u64), usize>,
    found: HashMap<String, Seen>,
}

/// One table of a FROM clause: its name, what its columns are qualified by, its grouping column.
struct Relation<'a> {
    name: String,
    qualifier: String,
    column: &'a str,
}

/// The tables of a FROM clause, and what its joins demand: of every table, or of one only.
#[derive(Default)]
struct From<'a> {
    relations: Vec<Relation<'a>>,
    demands: Vec<(&'a Expr, Option<usize>)>,
    merges_columns: bool,
}

impl<'a> Walk<'a> {
    fn query(&mut self, query: &'a Query) {
        for with in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.query(&with.query);
        }
        let mut open = vec![query.body.as_ref()];
        while let Some(part) = open.pop() {
            match part {
                SetExpr::Select(select) => self.select(select),
                SetExpr::Query(query) => self.query(query),
                SetExpr::SetOperation { left, right, .. } => open.extend([&**left, &**right]),
                _ => {}
            }
        }
    }

    fn select(&mut self, select: &'a Select) {
        let mut from = From::default();
        for tables in &select.from {
            self.tables(tables, &mut from);
        }
        for condition in select.selection.iter().flat_map(conjuncts) {
            match condition {
                Expr::Exists { subquery, .. }
                | Expr::In { target: InTarget::Subquery(subquery), .. } => self.query(subquery),
                _ => {}
            }
            from.demands.push((condition, None));
        }
        self.note(&from);
    }

    fn tables(&mut self, tables: &'a TableWithJoins, from: &mut From<'a>) {
        self.factor(&tables.relation, from);
        for join in &tables.joins {
            let before = from.relations.len();
            self.factor(&join.relation, from);
            let (constraint, right_only) = match &join.join_operator {
                JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) => {
                    (on, false)
                }
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (on, true),
                JoinOperator::Right(on)
                | JoinOperator::RightOuter(on)
                | JoinOperator::FullOuter(on) => {
                    from.merges_columns |= !matches!(on, JoinConstraint::On(_));
                    continue;
                }
                _ => {
                    from.merges_columns = true;
                    continue;
                }
            };
            match constraint {
                // Of the left side an outer join keeps all, whatever it demands.
                JoinConstraint::On(on) => from
                    .demands
                    .extend(conjuncts(on).into_iter().map(|on| (on, right_only.then_some(before)))),
                JoinConstraint::None => {}
                _ => from.merges_columns = true,
            }
        }
    }

    fn factor(&mut self, factor: &'a TableFactor, from: &mut From<'a>) {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let Some(name) = plain(name) else { return };
                let Some(column) = self.groups.get(&name) else { return };
                let alias = alias.as_ref().map(|alias| alias.name.value.to_lowercase());
                let qualifier = alias.unwrap_or_else(|| name.clone());
                from.relations.push(Relation { name, qualifier, column });
            }
            TableFactor::Derived { subquery, .. } => self.query(subquery),
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.tables(table_with_joins, from);
            }
            _ => {}
        }
    }

    fn note(&mut self, from: &From<'a>) {
        for (at, relation) in from.relations.iter().enumerate() {
            let demands =
                from.demands.iter().filter(|(_, only)| only.is_none_or(|only| only == at));
            let bound = demands.filter_map(|(demand, _)| self.bound(demand, from, relation)).next();
            let seen = self.found.entry(relation.name.clone()).or_default();
            seen.count += 1;
            match bound {
                Some(bounds) => seen.bounds.extend(bounds),
                None => seen.whole = true,
            }
        }
    }

    /// The values that a condition allows the relation's grouping column.
    fn bound(&self, demand: &Expr, from: &From<'_>, relation: &Relation<'_>) -> Option<Vec<Bound>> {
        let is_it = |column: &Expr| of_relation(column, from, relation);
        match demand {
            Expr::Nested(inner) => self.bound(inner, from, relation),
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if is_it(left) => {
                Some(vec![self.value(right)?])
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if is_it(right) => {
                Some(vec![self.value(left)?])
            }
            Expr::In { expr, target: InTarget::List(list), negated: false, .. }
                if is_it(expr) && list.len() <= LIST =>
            {
                list.iter().map(|item| self.value(item)).collect()
            }
            _ => None,
        }
    }

    fn value(&self, expr: &Expr) -> Option<Bound> {
        let Expr::Value(ValueWithSpan { value, span }) = expr else { return None };
        match value {
            Value::SingleQuotedString(text) => Some(Bound::Literal(text.as_str().into())),
            Value::Number(digits, _) => {
                Some(Bound::Literal(SqlValue::Integer(digits.parse().ok()?)))
            }
            Value::Placeholder(text) => {
                if let Some(number) = self.places.get(&key(span.start)) {
                    return Some(Bound::Param(Placeholder::At(*number)));
                }
                let name = text.strip_prefix([':', '@', '$'])?;
                let named = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
                named.then(|| Bound::Param(Placeholder::Named(name.to_owned())))
            }
            _ => None,
        }
    }
}

/// Whether an expression is the grouping column of this relation, and of no other.
fn of_relation(expr: &Expr, from: &From<'_>, relation: &Relation<'_>) -> bool {
    let same = |column: &str| column.eq_ignore_ascii_case(relation.column);
    match expr {
        Expr::Identifier(column) => {
            let candidates = from.relations.iter().filter(|other| other.column == relation.column);
            same(&column.value) && !from.merges_columns && candidates.count() == 1
        }
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, column] => {
                let named =
                    |other: &&Relation<'_>| table.value.eq_ignore_ascii_case(&other.qualifier);
                same(&column.value)
                    && named(&relation)
                    && from.relations.iter().filter(named).count() == 1
            }
            _ => false,
        },
        _ => false,
    }
}

/// What must all hold for a condition to hold.
pub(super) fn conjuncts(condition: &Expr) -> Vec<&Expr> {
    let (mut open, mut all) = (vec![condition], Vec::new());
    while let Some(condition) = open.pop() {
        match condition {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                open.extend([&**right, &**left]);
            }
            Expr::Nested(inner) => open.push(inner),
            other => all.push(other),
        }
    }
    all
}

/// The name of a table of the main database, lower case.
pub(crate) fn plain(name: &ObjectName) -> Option<String> {
    let ident = |part: &ObjectNamePart| part.as_ident().map(|ident| ident.value.to_lowercase());
    match name.0.as_slice() {
        [table] => ident(table),
        [schema, table] if ident(schema).is_some_and(|name| name == "main" || name == "public") => {
            ident(table)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::dialect::SQLiteDialect;

    fn narrowed(sql: &str) -> String {
        let groups = [("t", "video_id"), ("u", "video_id"), ("timeline", "video")];
        let groups = groups.iter().map(|(table, column)| (table.to_string(), column.to_string()));
        let mut found: Vec<_> =
            narrow(sql, &SQLiteDialect {}, &groups.collect()).into_iter().collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let shown = found.into_iter().map(|(table, bounds)| {
            format!("{table}={}", bounds.iter().map(Bound::shown).collect::<Vec<_>>().join(","))
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_equality_on_the_grouping_column_narrows() {
        for (sql, wanted) in [
            ("SELECT * FROM t WHERE video_id = 'a'", "t=a"),
            ("SELECT * FROM T x WHERE x.Video_Id = ? AND y > 3 ORDER BY z LIMIT ?", "t=?1"),
            ("SELECT ?, y FROM t WHERE (y = ? AND (?7 = video_id))", "t=?7"),
            ("SELECT a FROM t WHERE ? > 1 AND video_id = ?", "t=?2"),
            ("SELECT * FROM t WHERE video_id IN (?, 'b', 7)", "t=?1,b,7"),
            ("SELECT * FROM t WHERE video_id = :video", "t=:video"),
            (
                "SELECT * FROM t JOIN u ON u.id = t.id AND u.video_id = 'b' WHERE t.video_id = 'a'",
                "t=a u=b",
            ),
            ("SELECT * FROM t LEFT JOIN u ON u.video_id = 'b' WHERE t.video_id = 'a'", "t=a u=b"),
            (
                "SELECT * FROM t WHERE video_id = 'a' UNION ALL SELECT * FROM t WHERE video_id = 'b'",
                "t=b,a",
            ),
            ("WITH c AS (SELECT * FROM t WHERE video_id = 'a') SELECT * FROM c", "t=a"),
            ("SELECT * FROM (SELECT * FROM main.t WHERE video_id = 'a') WHERE z", "t=a"),
            (
                "SELECT * FROM z WHERE EXISTS (SELECT 1 FROM t WHERE video_id = 'a' AND t.z = z.z)",
                "t=a",
            ),
            ("SELECT * FROM timeline WHERE video = 'a'", "timeline=a"),
        ] {
            assert_eq!(narrowed(sql), wanted, "{sql}");
        }
    }

    #[test]
    fn what_another_video_could_change_stays_whole() {
        for sql in [
            "SELECT * FROM t",
            "SELECT * FROM t WHERE video_id = 'a' OR y",
            "SELECT * FROM t WHERE NOT video_id = 'a'",
            "SELECT * FROM t WHERE video_id = y",
            "SELECT * FROM t WHERE video_id = \"a\"",
            "SELECT * FROM t WHERE video_id || 'x' = 'ax'",
            "SELECT * FROM t WHERE video_id > 'a'",
            "SELECT * FROM t WHERE video_id NOT IN ('a')",
            "SELECT * FROM t WHERE (video_id = 'a') = 0",
            "SELECT * FROM t a, t b WHERE a.video_id = 'a'",
            "SELECT * FROM t LEFT JOIN z ON t.video_id = 'a'",
            "SELECT * FROM t JOIN u USING (video_id) WHERE video_id = 'a'",
            "SELECT (SELECT count(*) FROM t) FROM t WHERE video_id = 'a'",
            "SELECT * FROM z RIGHT JOIN t ON t.video_id = 'a'",
            "WITH t AS (SELECT 'a' AS video_id) SELECT * FROM t WHERE video_id = 'a'",
            "WITH c AS (SELECT * FROM t) SELECT * FROM c WHERE video_id = 'a'",
            "SELECT * FROM t WHERE video_id = 'a' ORDER BY (SELECT max(y) FROM t)",
            "SELECT * FROM t WHERE video_id = 'a'; SELECT 1",
            "SELECT * FROM t WHERE video_id = @b AND y = ?, this is no SQL",
        ] {
            assert_eq!(narrowed(sql), "", "{sql}");
        }
    }

    #[test]
    fn positions_are_not_guessed_beside_names() {
        assert_eq!(narrowed("SELECT :a FROM t WHERE video_id = ?"), "");
        assert_eq!(narrowed("SELECT ?9 FROM t WHERE video_id = ?"), "t=?10");
    }
}
