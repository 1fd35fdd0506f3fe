//! Rows as bytes, for caches: what comes out is exactly what went in.

use super::value::{Rows, SqlParams, SqlValue};
use crate::error::{Error, Result};

/// Tells this layout from later ones.
const VERSION: u8 = 1;

impl Rows {
    /// The rows as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put(&mut out, self.columns.len());
        for column in &self.columns {
            put_bytes(&mut out, column.as_bytes());
        }
        put(&mut out, self.rows.len());
        for value in self.rows.iter().flatten() {
            put_value(&mut out, value);
        }
        out
    }

    /// Reads what [`Rows::to_bytes`] wrote; anything else is [`Error::Corrupt`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read(&mut Input(bytes)).ok_or_else(|| Error::Corrupt("cached rows are damaged".to_owned()))
    }
}

impl SqlParams {
    /// Bytes that differ for every two different lists of values.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Positional(values) => {
                out.push(0);
                values.iter().for_each(|value| put_value(&mut out, value));
            }
            Self::Named(values) => {
                out.push(1);
                for (name, value) in values {
                    put_bytes(&mut out, name.as_bytes());
                    put_value(&mut out, value);
                }
            }
        }
        out
    }

    /// Reads a list of values that [`SqlParams::to_bytes`] wrote; anything else is
    /// [`Error::Invalid`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = || Error::invalid("these bytes are no list of values");
        let mut input = Input(bytes);
        let mut values = Vec::new();
        if input.byte() != Some(0) {
            return Err(wrong());
        }
        while !input.0.is_empty() {
            values.push(input.value().ok_or_else(wrong)?);
        }
        Ok(Self::Positional(values))
    }
}

fn put(out: &mut Vec<u8>, number: usize) {
    let mut left = number as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_value(out: &mut Vec<u8>, value: &SqlValue) {
    match value {
        SqlValue::Null => out.push(0),
        SqlValue::Integer(whole) => {
            out.push(1);
            out.extend_from_slice(&whole.to_le_bytes());
        }
        SqlValue::Real(real) => {
            out.push(2);
            out.extend_from_slice(&real.to_le_bytes());
        }
        SqlValue::Text(text) => {
            out.push(3);
            put_bytes(out, text.as_bytes());
        }
        SqlValue::Blob(bytes) => {
            out.push(4);
            put_bytes(out, bytes);
        }
    }
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn eight(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return usize::try_from(number).ok();
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn value(&mut self) -> Option<SqlValue> {
        Some(match self.byte()? {
            0 => SqlValue::Null,
            1 => SqlValue::Integer(i64::from_le_bytes(self.eight()?)),
            2 => SqlValue::Real(f64::from_le_bytes(self.eight()?)),
            3 => SqlValue::Text(self.text()?),
            4 => SqlValue::Blob(self.bytes()?.to_vec()),
            _ => return None,
        })
    }
}

fn read(input: &mut Input<'_>) -> Option<Rows> {
    if input.byte()? != VERSION {
        return None;
    }
    let width = input.number()?;
    let columns = (0..width).map(|_| input.text()).collect::<Option<Vec<_>>>()?;
    let count = input.number()?;
    if width == 0 && count > 0 {
        return None;
    }
    let row = |_| (0..width).map(|_| input.value()).collect::<Option<Vec<_>>>();
    let rows = (0..count).map(row).collect::<Option<Vec<_>>>()?;
    input.0.is_empty().then_some(Rows { columns, rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = SqlValue> {
        prop_oneof![
            Just(SqlValue::Null),
            any::<i64>().prop_map(SqlValue::Integer),
            prop::num::f64::ANY
                .prop_filter("NaN is NULL", |f| !f.is_nan())
                .prop_map(SqlValue::Real),
            ".{0,200}".prop_map(SqlValue::Text),
            prop::collection::vec(any::<u8>(), 0..200).prop_map(SqlValue::Blob),
        ]
    }

    proptest! {
        #[test]
        fn rows_come_back(rows in (1usize..5).prop_flat_map(|width| (
            prop::collection::vec(".{0,9}", width),
            prop::collection::vec(prop::collection::vec(value(), width), 0..9),
        )).prop_map(|(columns, rows)| Rows { columns, rows })) {
            prop_assert_eq!(Rows::from_bytes(&rows.to_bytes()).unwrap(), rows);
        }

        #[test]
        fn garbage_is_refused_in_peace(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut bytes = bytes;
            bytes.insert(0, VERSION);
            if let Ok(rows) = Rows::from_bytes(&bytes) {
                prop_assert_eq!(Rows::from_bytes(&rows.to_bytes()).unwrap(), rows);
            }
        }
    }
}
