//! What a statement is made of, as PostgreSQL itself has read it: the tree of nodes that it keeps of
//! a view, in its own notation, `{FUNCEXPR :funcid 870 :args (…)}`. Names in it never stand bare:
//! what has a meaning here is escaped in them.

use std::collections::BTreeSet;

/// The nodes whose meaning is known here, and that hang on nothing but what is collected of them.
/// Some are called differently by different releases.
const KNOWN: [&str; 54] = [
    "AGGREF",
    "ALIAS",
    "ARRAY",
    "ARRAYCOERCEEXPR",
    "ARRAYEXPR",
    "BOOLEANTEST",
    "BOOLEXPR",
    "CASE",
    "CASEEXPR",
    "CASETESTEXPR",
    "CASEWHEN",
    "WHEN",
    "COALESCE",
    "COALESCEEXPR",
    "COERCEVIAIO",
    "COLLATE",
    "COLLATEEXPR",
    "COMMONTABLEEXPR",
    "CONST",
    "CONVERTROWTYPEEXPR",
    "DISTINCTEXPR",
    "FIELDSELECT",
    "FROMEXPR",
    "FUNCEXPR",
    "GROUPINGFUNC",
    "GROUPINGFUNCEXPR",
    "GROUPINGSET",
    "JOINEXPR",
    "MINMAX",
    "MINMAXEXPR",
    "NAMEDARGEXPR",
    "NULLIFEXPR",
    "NULLTEST",
    "OPEXPR",
    "QUERY",
    "RANGETBLENTRY",
    "RANGETBLFUNCTION",
    "RANGETBLREF",
    "RELABELTYPE",
    "ROW",
    "ROWCOMPARE",
    "ROWCOMPAREEXPR",
    "ROWEXPR",
    "RTE",
    "RTEPERMISSIONINFO",
    "SCALARARRAYOPEXPR",
    "SETOPERATIONSTMT",
    "SORTGROUPCLAUSE",
    "SUBLINK",
    "SUBSCRIPTINGREF",
    "TARGETENTRY",
    "VAR",
    "WINDOWCLAUSE",
    "WINDOWFUNC",
];
/// Numbers under a field of a type that are none of a type, but of a case (`:commandType 1`).
const CASES: u32 = 16;

/// What a tree mentions, by the numbers of the catalogue.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) relations: BTreeSet<u32>,
    pub(super) functions: BTreeSet<u32>,
    pub(super) operators: BTreeSet<u32>,
    pub(super) types: BTreeSet<u32>,
    /// Types that text is read as while the statement runs.
    pub(super) read_as: BTreeSet<u32>,
    /// Nodes whose meaning is not known here.
    pub(super) unknown: BTreeSet<String>,
}

impl Tree {
    /// Takes in one more tree.
    pub(super) fn add(&mut self, text: &str) {
        let mut open: Vec<&str> = Vec::new();
        let mut field = "";
        for token in tokens(text) {
            match token.as_bytes() {
                [b'{', ..] => {
                    let node = token.trim_start_matches('{');
                    if !KNOWN.contains(&node) {
                        self.unknown.insert(node.to_owned());
                    }
                    open.push(node);
                }
                [b'}', ..] => drop(open.pop()),
                [b':', ..] => field = token.trim_start_matches(':'),
                _ => {
                    if let Ok(number) = token.parse() {
                        self.note(open.last().copied().unwrap_or_default(), field, number);
                    }
                }
            }
        }
    }

    fn note(&mut self, node: &str, field: &str, number: u32) {
        if number == 0 {
            return;
        }
        match field {
            "relid" => drop(self.relations.insert(number)),
            "funcid" | "opfuncid" | "aggfnoid" | "winfnoid" => drop(self.functions.insert(number)),
            "opno" | "opnos" | "eqop" | "sortop" => drop(self.operators.insert(number)),
            other if other.ends_with("type") || other.ends_with("typeid") => {
                if number >= CASES {
                    self.types.insert(number);
                }
                if node == "COERCEVIAIO" && other == "resulttype" {
                    self.read_as.insert(number);
                }
            }
            _ => {}
        }
    }
}

/// The words of a tree: `{NODE`, `}`, `:field`, and values. Brackets of lists are no words.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\n', '(', ')']);
        let mut end = rest.len();
        let mut escaped = false;
        for (at, c) in rest.char_indices() {
            let ends = !escaped && matches!(c, ' ' | '\n' | '(' | ')' | '{' | '}');
            if ends && at > 0 {
                end = at;
                break;
            }
            if ends && c == '}' {
                end = 1;
                break;
            }
            escaped = !escaped && c == '\\';
        }
        let (token, after) = rest.split_at(end);
        rest = after;
        (!token.is_empty()).then_some(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_tells_what_it_is_made_of_and_names_deceive_nobody() {
        let text = r#"({QUERY :commandType 1 :rtable ({RANGETBLENTRY :eref {ALIAS :aliasname n
            :colnames ("id" "a\ :relid\ 77" "\{FUNCEXPR\ :funcid\ 78\}" ":funcid")} :rtekind 0
            :relid 16384 :relkind r}) :targetList ({TARGETENTRY :expr {OPEXPR :opno 654 :opfuncid
            1258 :args ({FUNCEXPR :funcid 870 :args ({COERCEVIAIO :arg {VAR :vartype 1043}
            :resulttype 25})} {ROWCOMPAREEXPR :opnos (o 521 522)} {SQLVALUEFUNCTION :op 3})}})})"#;
        let mut tree = Tree::default();
        tree.add(text);
        assert_eq!(tree.relations, BTreeSet::from([16384]));
        assert_eq!(tree.functions, BTreeSet::from([870, 1258]));
        assert_eq!(tree.operators, BTreeSet::from([521, 522, 654]));
        assert_eq!(tree.types, BTreeSet::from([25, 1043]));
        assert_eq!(tree.read_as, BTreeSet::from([25]));
        assert_eq!(tree.unknown, BTreeSet::from(["SQLVALUEFUNCTION".to_owned()]));
    }
}
