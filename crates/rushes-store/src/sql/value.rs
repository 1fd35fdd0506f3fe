//! Values of SQL, as statements take and give them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use crate::error::{Error, Result};

/// One value. In JSON: null, number, string, and `{"blob": "hexadecimal digits"}`.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl SqlValue {
    /// Reads a value from JSON; `true` and `false` are 1 and 0.
    pub fn from_json(value: &Json) -> Result<Self> {
        match value {
            Json::Null => Ok(Self::Null),
            Json::Bool(value) => Ok(Self::Integer(i64::from(*value))),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Ok(Self::Integer(whole)),
                (None, Some(real)) => Ok(Self::Real(real)),
                (None, None) => Err(Error::invalid(format!("{number} is no number of SQL"))),
            },
            Json::String(text) => Ok(Self::Text(text.clone())),
            Json::Object(members) => {
                let digits = members.get("blob").filter(|_| members.len() == 1);
                let bytes = digits.and_then(Json::as_str).and_then(from_hex);
                bytes.map(Self::Blob).ok_or_else(|| {
                    Error::invalid("an object as a value is {\"blob\": \"hexadecimal digits\"}")
                })
            }
            Json::Array(_) => Err(Error::invalid("a list is no value of SQL; bind its items")),
        }
    }

    /// The value as JSON. Numbers that JSON lacks (infinities) become text.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Integer(whole) => Json::from(*whole),
            Self::Real(real) if real.is_finite() => Json::from(*real),
            Self::Real(real) => Json::from(real.to_string()),
            Self::Text(text) => Json::from(text.as_str()),
            Self::Blob(bytes) => serde_json::json!({ "blob": to_hex(bytes) }),
        }
    }

    /// Bytes of memory that it holds beside itself.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

impl From<&str> for SqlValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for SqlValue {
    fn from(whole: i64) -> Self {
        Self::Integer(whole)
    }
}

impl From<f64> for SqlValue {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

impl Serialize for SqlValue {
    fn serialize<S: Serializer>(&self, out: S) -> std::result::Result<S::Ok, S::Error> {
        self.to_json().serialize(out)
    }
}

impl<'de> Deserialize<'de> for SqlValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        Self::from_json(&Json::deserialize(from)?).map_err(D::Error::custom)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
            u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
        }
        _ => None,
    };
    pairs.map(byte).collect()
}

/// What is bound to a statement's placeholders.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlParams {
    /// By position: `?`, `?1`, `$1`.
    Positional(Vec<SqlValue>),
    /// By name, without its sign: `:video`, `@video`, `$video`. SQLite only.
    Named(Vec<(String, SqlValue)>),
}

impl SqlParams {
    /// Nothing.
    pub const NONE: Self = Self::Positional(Vec::new());

    /// Reads a JSON list (by position) or object (by name); null is nothing.
    pub fn from_json(params: &Json) -> Result<Self> {
        match params {
            Json::Null => Ok(Self::NONE),
            Json::Array(items) => {
                items.iter().map(SqlValue::from_json).collect::<Result<_>>().map(Self::Positional)
            }
            Json::Object(members) => {
                let named = members.iter().map(|(name, value)| {
                    let name = name.trim_start_matches([':', '@', '$']).to_owned();
                    Ok((name, SqlValue::from_json(value)?))
                });
                named.collect::<Result<_>>().map(Self::Named)
            }
            _ => Err(Error::invalid("params are a JSON list, or an object of names and values")),
        }
    }

    /// The parameters as JSON, as [`SqlParams::from_json`] reads them.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Positional(values) => values.iter().map(SqlValue::to_json).collect(),
            Self::Named(values) => Json::Object(
                values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
            ),
        }
    }

    /// The value at a position, from 1, or of a name.
    pub(crate) fn get(&self, place: &Placeholder) -> Option<&SqlValue> {
        match (self, place) {
            (Self::Positional(values), Placeholder::At(number)) => values.get(number - 1),
            (Self::Named(values), Placeholder::Named(wanted)) => {
                values.iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}

impl<T: Into<SqlValue>> From<Vec<T>> for SqlParams {
    fn from(values: Vec<T>) -> Self {
        Self::Positional(values.into_iter().map(Into::into).collect())
    }
}

impl Default for SqlParams {
    fn default() -> Self {
        Self::NONE
    }
}

/// Which parameter a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Placeholder {
    /// By its position, from 1.
    At(usize),
    /// By its name, without the sign.
    Named(String),
}

/// What a statement answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// Names of the columns, in order; a name may stand twice.
    pub columns: Vec<String>,
    /// The rows, each with one value a column.
    pub rows: Vec<Vec<SqlValue>>,
}

impl Rows {
    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let values = self.rows.iter().flatten();
        let heap: usize = values.map(|value| size_of::<SqlValue>() + value.heap_bytes()).sum();
        heap + self.rows.len() * size_of::<Vec<SqlValue>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back_from_json() {
        let values = vec![
            SqlValue::Null,
            SqlValue::Integer(i64::MIN),
            SqlValue::Real(0.5),
            SqlValue::from("a \"b\""),
            SqlValue::Blob(vec![0, 255, 16]),
        ];
        let params = SqlParams::Positional(values);
        assert_eq!(SqlParams::from_json(&params.to_json()).unwrap(), params);
        assert_eq!(SqlParams::from_json(&Json::Null).unwrap(), SqlParams::NONE);
        let named = SqlParams::from_json(&json!({":video": "x"})).unwrap();
        assert_eq!(named, SqlParams::Named(vec![("video".into(), "x".into())]));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for wrong in [json!([[1]]), json!([{"blob": "0g"}]), json!([{"blob": "+1"}]), json!("x")] {
            assert!(SqlParams::from_json(&wrong).is_err(), "{wrong}");
        }
    }
}
