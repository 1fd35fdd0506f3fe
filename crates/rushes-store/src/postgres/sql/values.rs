//! Values of SQL to and from PostgreSQL's types.

use std::borrow::Cow;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::error::{Error, Result};
use crate::sql::SqlValue;

type Failure = Box<dyn std::error::Error + Sync + Send>;

/// A parameter, which PostgreSQL reads as a literal of whatever type it stands for.
#[derive(Debug)]
pub(super) struct Given<'a>(&'a SqlValue);

impl<'a> Given<'a> {
    /// [`Error::Invalid`] for a text that PostgreSQL cannot hold.
    pub(super) fn new(value: &'a SqlValue) -> Result<Self> {
        literal(value).map(|_| Self(value))
    }
}

impl ToSql for Given<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Failure> {
        let Some(text) = literal(self.0)? else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A value as PostgreSQL reads it, of whatever type; nothing for NULL.
pub(super) fn literal(value: &SqlValue) -> Result<Option<Cow<'_, str>>> {
    Ok(Some(match value {
        SqlValue::Null => return Ok(None),
        SqlValue::Integer(whole) => Cow::Owned(whole.to_string()),
        SqlValue::Real(real) => Cow::Owned(real.to_string()),
        SqlValue::Text(text) if text.contains('\0') => {
            return Err(Error::invalid("PostgreSQL knows no text with NUL"));
        }
        SqlValue::Text(text) => Cow::Borrowed(text),
        SqlValue::Blob(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Cow::Owned(format!("\\x{digits}"))
        }
    }))
}

/// A value of a type that a statement of SQL may answer with.
struct Taken(SqlValue);

impl<'a> FromSql<'a> for Taken {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> std::result::Result<Self, Failure> {
        let text = |text: &str| Ok::<_, Failure>(SqlValue::Text(text.to_owned()));
        Ok(Self(match *ty {
            Type::BOOL => SqlValue::Integer(bool::from_sql(ty, raw)?.into()),
            Type::INT2 => SqlValue::Integer(i16::from_sql(ty, raw)?.into()),
            Type::INT4 => SqlValue::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => SqlValue::Integer(i64::from_sql(ty, raw)?),
            Type::OID => SqlValue::Integer(u32::from_sql(ty, raw)?.into()),
            Type::FLOAT4 => SqlValue::Real(f32::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => SqlValue::Real(f64::from_sql(ty, raw)?),
            Type::NUMERIC => numeric(raw).ok_or("a number that is none")?,
            Type::BYTEA => SqlValue::Blob(raw.to_owned()),
            Type::JSON => text(std::str::from_utf8(raw)?)?,
            // Its version comes first.
            Type::JSONB => text(std::str::from_utf8(raw.get(1..).unwrap_or_default())?)?,
            _ => text(<&str as FromSql>::from_sql(ty, raw)?)?,
        }))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Failure> {
        Ok(Self(SqlValue::Null))
    }

    fn accepts(ty: &Type) -> bool {
        let numbers = [Type::BOOL, Type::INT2, Type::INT4, Type::INT8, Type::OID, Type::NUMERIC];
        let others = [Type::FLOAT4, Type::FLOAT8, Type::BYTEA, Type::JSON, Type::JSONB];
        numbers.contains(ty) || others.contains(ty) || <&str as FromSql>::accepts(ty)
    }
}

/// A decimal number as PostgreSQL sends it: how many groups of four digits, the weight of the
/// first, sign, digits after the point, the groups. Whole ones that fit become integers.
fn numeric(raw: &[u8]) -> Option<SqlValue> {
    let mut words = raw.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]]));
    let (count, weight) = (words.next()?, words.next()?);
    let (sign, scale) = (words.next()?, words.next()?);
    match sign as u16 {
        0xc000 => return Some(SqlValue::Real(f64::NAN)),
        0xd000 => return Some(SqlValue::Real(f64::INFINITY)),
        0xf000 => return Some(SqlValue::Real(f64::NEG_INFINITY)),
        _ => {}
    }
    let groups: Vec<i16> = words.take(usize::try_from(count).ok()?).collect();
    let group = |at: i16| usize::try_from(at).ok().and_then(|at| groups.get(at)).unwrap_or(&0);
    let mut text = String::from(if sign == 0 { "" } else { "-" });
    text.push('0');
    for at in 0..=weight {
        text.push_str(&format!("{:04}", group(at)));
    }
    if scale > 0 {
        text.push('.');
        for at in (weight + 1)..=(weight + 1 + scale / 4) {
            text.push_str(&format!("{:04}", if at < 0 { &0 } else { group(at) }));
        }
    }
    match text.parse::<i64>() {
        Ok(whole) => Some(SqlValue::Integer(whole)),
        Err(_) => text.parse().ok().map(SqlValue::Real),
    }
}

/// The values of a row.
pub(super) fn values(row: &Row) -> Result<Vec<SqlValue>> {
    let value = |(at, column): (usize, &tokio_postgres::Column)| {
        let taken: std::result::Result<Taken, _> = row.try_get(at);
        taken.map(|taken| taken.0).map_err(|_| {
            let (name, ty) = (column.name(), column.type_());
            Error::Invalid(format!("the column {name} is of type {ty}: ask for {name}::text"))
        })
    };
    row.columns().iter().enumerate().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the server sends it.
    fn sent(words: &[u16]) -> SqlValue {
        let raw: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        numeric(&raw).unwrap()
    }

    #[test]
    fn decimal_numbers_are_read() {
        assert_eq!(sent(&[0, 0, 0, 0]), SqlValue::Integer(0));
        assert_eq!(sent(&[2, 1, 0, 0, 12, 34]), SqlValue::Integer(120_034));
        assert_eq!(sent(&[1, 1, 0x4000, 0, 5]), SqlValue::Integer(-50_000));
        assert_eq!(sent(&[2, 0, 0, 2, 3, 1500]), SqlValue::Real(3.15));
        assert_eq!(sent(&[1, (-1_i16) as u16, 0x4000, 1, 5000]), SqlValue::Real(-0.5));
        assert_eq!(sent(&[1, (-2_i16) as u16, 0, 8, 25]), SqlValue::Real(0.0000_0025));
        assert!(matches!(sent(&[1, 9, 0, 0, 1]), SqlValue::Real(big) if big == 1e36));
    }
}
