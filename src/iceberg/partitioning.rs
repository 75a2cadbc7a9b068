//! `WITH (partitioning = 'country, day(event_time), bucket(16, id)')`.

use ::iceberg::spec::{Schema, Transform, UnboundPartitionSpec};

use super::error::failed;
use super::split::is_fit_for_identity;
use super::target::OPTION_PARTITIONING;
use crate::error::{Error, Result};

const FORMS: &str =
    "column, year(column), month(column), day(column), hour(column), bucket(n, column) or truncate(width, column)";

/// The partition spec that the text describes, for a table with this schema.
///
/// Partition fields are named as Spark names them: the column itself, `event_time_day`, `id_bucket`, `name_trunc`.
///
/// # Errors
/// A text of another form, an unknown column, a transform that the column's type has not.
pub(crate) fn parse(text: &str, schema: &Schema) -> Result<UnboundPartitionSpec> {
    let mut builder = UnboundPartitionSpec::builder();
    for term in terms(text)? {
        let (transform, column) = parse_term(term)?;
        let field = schema.field_by_name(column).ok_or_else(|| {
            let known: Vec<_> = schema.as_struct().fields().iter().map(|f| f.name.as_str()).collect();
            Error::schema(format!("no column '{column}' to partition by: the columns are {}", known.join(", ")))
        })?;
        let whole = transform == Transform::Identity && !is_fit_for_identity(&field.field_type);
        if whole || transform.result_type(&field.field_type).is_err() {
            return Err(Error::schema(format!(
                "column '{column}' of type {} cannot be partitioned by '{term}'",
                field.field_type
            )));
        }
        let suffix = match transform {
            Transform::Year => "_year",
            Transform::Month => "_month",
            Transform::Day => "_day",
            Transform::Hour => "_hour",
            Transform::Bucket(_) => "_bucket",
            Transform::Truncate(_) => "_trunc",
            _ => "",
        };
        builder = builder
            .add_partition_field(field.id, format!("{column}{suffix}"), transform)
            .map_err(|e| failed(format!("partition by '{text}'"), &e))?;
    }
    Ok(builder.build())
}

/// Splits at the commas that stand outside of parentheses and double quotes.
fn terms(text: &str) -> Result<Vec<&str>> {
    let (mut terms, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.checked_sub(1).ok_or_else(|| malformed(text))?,
            ',' if !quoted && depth == 0 => {
                terms.push(text[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    terms.push(text[start..].trim());
    if depth > 0 || quoted || terms.contains(&"") { Err(malformed(text)) } else { Ok(terms) }
}

fn parse_term(term: &str) -> Result<(Transform, &str)> {
    let call = if term.starts_with('"') { None } else { term.split_once('(') };
    let Some((function, rest)) = call else { return Ok((Transform::Identity, column_name(term, term)?)) };
    let arguments = rest.strip_suffix(')').ok_or_else(|| malformed(term))?;
    match function.trim().to_ascii_lowercase().as_str() {
        "identity" => Ok((Transform::Identity, column_name(arguments, term)?)),
        "year" => Ok((Transform::Year, column_name(arguments, term)?)),
        "month" => Ok((Transform::Month, column_name(arguments, term)?)),
        "day" => Ok((Transform::Day, column_name(arguments, term)?)),
        "hour" => Ok((Transform::Hour, column_name(arguments, term)?)),
        name @ ("bucket" | "truncate") => {
            let (number, column) = arguments.split_once(',').ok_or_else(|| malformed(term))?;
            // The specification counts in 31 bits.
            let number = number.trim().parse::<u32>().ok().filter(|n| (1..=i32::MAX.unsigned_abs()).contains(n));
            let number = number.ok_or_else(|| {
                Error::config(format!("'{term}' needs a whole number of at least 1: write {name}(16, column)"))
            })?;
            let transform = if name == "bucket" { Transform::Bucket(number) } else { Transform::Truncate(number) };
            Ok((transform, column_name(column, term)?))
        }
        _ => Err(malformed(term)),
    }
}

/// A name, perhaps in double quotes; without them it is taken as it stands.
fn column_name<'a>(text: &'a str, term: &str) -> Result<&'a str> {
    let text = text.trim();
    let name = match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(quoted) => quoted,
        None if text.contains(['"', '(', ')', ',']) => return Err(malformed(term)),
        None => text,
    };
    if name.is_empty() { Err(malformed(term)) } else { Ok(name) }
}

fn malformed(text: &str) -> Error {
    Error::config(format!("option {OPTION_PARTITIONING}: '{text}' is not {FORMS}"))
}
