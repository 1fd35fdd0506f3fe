//! Advice on indexes: what is asked of whom, and which indexes could help a statement.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, OrderByKind, Query, Select, SetExpr, Statement, TableFactor,
};
use sqlparser::dialect::Dialect;

use super::narrow::{conjuncts, parse, plain};
use super::value::SqlParams;

/// A statement of the recorded workload, with values that it was asked with.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The statement.
    pub sql: Arc<str>,
    /// Its values.
    pub params: SqlParams,
    /// How often the database was asked.
    pub count: u64,
    /// How long that took in all, microseconds.
    pub total_micros: u64,
}

/// What was found out about one statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The statement without its values.
    pub statement: String,
    /// How often the database was asked.
    pub count: u64,
    /// How long that took in all, microseconds.
    pub total_micros: u64,
    /// What is dear in its plan, each in a sentence.
    pub warnings: Vec<String>,
    /// The index that helped most when it was tried, if any did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<Suggestion>,
    /// Why nothing was tried, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An index, and what it did when it was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The statement that makes it.
    pub sql: String,
    /// Time of the statement without it, microseconds; the best of three.
    pub before_micros: u64,
    /// Time of the statement with it, microseconds; the best of three.
    pub after_micros: u64,
    /// How much longer an insertion into the table takes with it, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_cost_percent: Option<f64>,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// A table and columns that an index could begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
}

/// Indexes worth trying for a statement: for each table the columns that must equal something,
/// then one that is ordered by or compared. Names are as written; the database knows whether the
/// columns exist.
pub(crate) fn candidates(sql: &str, dialect: &dyn Dialect) -> Vec<Candidate> {
    let mut distinct: Vec<Candidate> = Vec::new();
    for candidate in asked(sql, dialect).iter().flat_map(Asked::candidates) {
        if !distinct.contains(&candidate) {
            distinct.push(candidate);
        }
    }
    distinct
}

/// What the statement calls its tables, and which they are; lower case.
pub(crate) fn sources(sql: &str, dialect: &dyn Dialect) -> Vec<(String, String)> {
    asked(sql, dialect).into_iter().map(|asked| (asked.qualifier, asked.table)).collect()
}

fn asked(sql: &str, dialect: &dyn Dialect) -> Vec<Asked> {
    let mut found = Vec::new();
    if let Some((_, Statement::Query(query))) = parse(sql, dialect) {
        collect(&query, &mut found);
    }
    found
}

fn collect(query: &Query, found: &mut Vec<Asked>) {
    for with in query.with.iter().flat_map(|with| &with.cte_tables) {
        collect(&with.query, found);
    }
    let mut open = vec![query.body.as_ref()];
    while let Some(part) = open.pop() {
        match part {
            SetExpr::Select(select) => of_select(select, &ordered(query), found),
            SetExpr::Query(query) => collect(query, found),
            SetExpr::SetOperation { left, right, .. } => open.extend([&**left, &**right]),
            _ => {}
        }
    }
}

/// The columns that a query's rows are ordered by.
fn ordered(query: &Query) -> Vec<Expr> {
    match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(parts)) => {
            parts.iter().map(|part| part.expr.clone()).collect()
        }
        _ => Vec::new(),
    }
}

/// What a SELECT asks of the columns of one table.
#[derive(Default)]
struct Asked {
    table: String,
    qualifier: String,
    equal: Vec<String>,
    compared: Vec<String>,
    ordered: Vec<String>,
}

fn of_select(select: &Select, order: &[Expr], found: &mut Vec<Asked>) {
    let mut tables: Vec<Asked> = Vec::new();
    let mut conditions: Vec<&Expr> = select.selection.iter().flat_map(conjuncts).collect();
    for from in &select.from {
        let joined = from.joins.iter().map(|join| &join.relation);
        for factor in std::iter::once(&from.relation).chain(joined) {
            match factor {
                TableFactor::Table { name, alias, args: None, .. } => {
                    let Some(table) = plain(name) else { continue };
                    let alias = alias.as_ref().map(|alias| alias.name.value.to_lowercase());
                    let qualifier = alias.unwrap_or_else(|| table.clone());
                    tables.push(Asked { table, qualifier, ..Asked::default() });
                }
                TableFactor::Derived { subquery, .. } => collect(subquery, found),
                _ => {}
            }
        }
        conditions.extend(from.joins.iter().filter_map(joined_on).flat_map(conjuncts));
    }
    for condition in conditions {
        note_condition(condition, &mut tables);
    }
    let grouped = match &select.group_by {
        GroupByExpr::Expressions(parts, _) => parts.as_slice(),
        GroupByExpr::All(_) => &[],
    };
    for part in grouped.iter().chain(order) {
        if let Some((at, column)) = column_of(part, &tables) {
            push(&mut tables[at].ordered, column);
        }
    }
    found.extend(tables);
}

fn joined_on(join: &sqlparser::ast::Join) -> Option<&Expr> {
    use sqlparser::ast::{JoinConstraint, JoinOperator};
    match &join.join_operator {
        JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on)) => Some(on),
        _ => None,
    }
}

fn note_condition(condition: &Expr, tables: &mut [Asked]) {
    match condition {
        Expr::BinaryOp { left, op, right } => {
            for side in [left, right] {
                let Some((at, column)) = column_of(side, tables) else { continue };
                match op {
                    BinaryOperator::Eq => push(&mut tables[at].equal, column),
                    BinaryOperator::Lt
                    | BinaryOperator::LtEq
                    | BinaryOperator::Gt
                    | BinaryOperator::GtEq => push(&mut tables[at].compared, column),
                    _ => {}
                }
            }
        }
        Expr::In { expr, negated: false, .. } | Expr::IsNull(expr) => {
            if let Some((at, column)) = column_of(expr, tables) {
                push(&mut tables[at].equal, column);
            }
        }
        Expr::Between { expr, negated: false, .. } => {
            if let Some((at, column)) = column_of(expr, tables) {
                push(&mut tables[at].compared, column);
            }
        }
        _ => {}
    }
}

/// The table that a column belongs to, where the statement says so, and the column.
fn column_of(expr: &Expr, tables: &[Asked]) -> Option<(usize, String)> {
    match expr {
        Expr::Nested(inner) => column_of(inner, tables),
        Expr::Identifier(column) if tables.len() == 1 => Some((0, column.value.clone())),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, column] => {
                let is_it = |asked: &Asked| table.value.eq_ignore_ascii_case(&asked.qualifier);
                Some((tables.iter().position(is_it)?, column.value.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}

fn push(columns: &mut Vec<String>, column: String) {
    if !columns.contains(&column) {
        columns.push(column);
    }
}

impl Asked {
    fn candidates(&self) -> Vec<Candidate> {
        let mut shapes = vec![self.equal.clone()];
        for tail in [&self.ordered, &self.compared] {
            if !tail.is_empty() {
                let rest = tail.iter().filter(|column| !self.equal.contains(column));
                shapes.push(self.equal.iter().chain(rest).cloned().collect());
            }
        }
        // Of several compared columns an index can use one.
        let single = self.compared.iter().filter(|column| !self.equal.contains(column));
        shapes.extend(
            single
                .map(|column| self.equal.iter().chain(std::iter::once(column)).cloned().collect()),
        );
        shapes.retain(|shape| !shape.is_empty());
        let table = &self.table;
        shapes.into_iter().map(|columns| Candidate { table: table.clone(), columns }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::dialect::SQLiteDialect;

    fn shown(sql: &str) -> Vec<String> {
        let found = candidates(sql, &SQLiteDialect {});
        found.iter().map(|found| format!("{}({})", found.table, found.columns.join(","))).collect()
    }

    #[test]
    fn equal_columns_come_first_then_order_or_range() {
        let sql = "SELECT * FROM shots WHERE tag = ? AND at > ? ORDER BY rank LIMIT 3";
        assert_eq!(shown(sql), ["shots(tag)", "shots(tag,rank)", "shots(tag,at)"]);
        let sql = "SELECT s.id FROM shots s JOIN tags t ON t.shot = s.id WHERE t.name IN ('a')";
        assert_eq!(shown(sql), ["shots(id)", "tags(name,shot)"]);
        assert_eq!(shown("SELECT count(*) FROM shots GROUP BY tag"), ["shots(tag)"]);
        assert_eq!(shown("SELECT * FROM shots"), [""; 0]);
        assert_eq!(shown("DELETE FROM shots WHERE tag = 1"), [""; 0]);
    }
}
