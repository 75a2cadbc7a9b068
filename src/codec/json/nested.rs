//! Values with parts: the parts of all of them are read together, as one array.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;

use super::array::{Values, array};
use super::document::{self, Entry, Json, Kind, Why};
use super::fields::Fields;
use super::refusal::{Place, Refusals};
use crate::cluster::cql_type::{CqlType, UserType};
use crate::codec::place::Step;

/// The JSON of each value, which may stand in a text, as it does in the keys of maps.
fn opened<'a>(values: Values<'a>, refusals: &mut Refusals) -> Vec<Option<Cow<'a, str>>> {
    let open = |(i, json): (usize, &Option<Json<'a>>)| {
        let json = (*json)?;
        if Kind::of_value(json) != Kind::Text {
            return Some(Cow::Borrowed(json.get()));
        }
        document::text(json).map_err(|why| values.refuse(i, &why, refusals)).ok()
    };
    values.json.iter().enumerate().map(open).collect()
}

/// Lists, sets and vectors.
pub(super) fn list(element: &CqlType, values: Values<'_>, refusals: &mut Refusals) -> Result<ArrayRef, ArrowError> {
    let texts = opened(values, refusals);
    let mut elements = Vec::new();
    let mut lengths = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        let before = elements.len();
        if let Some(text) = text
            && let Err(why) = document::elements(text, &mut elements)
        {
            values.refuse(i, &why, refusals);
        }
        lengths.push(elements.len() - before);
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    let place = Place::Parts { of: values.place, offsets: &offsets, step: Step::Element };
    let elements = array(element, Values { json: &elements, place: &place }, refusals)?;
    let field = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(field, offsets, elements, Some(values.nulls()))?))
}

pub(super) fn map(
    key: &CqlType,
    value: &CqlType,
    values: Values<'_>,
    refusals: &mut Refusals,
) -> Result<ArrayRef, ArrowError> {
    let texts = opened(values, refusals);
    let (mut keys, mut items) = (Vec::new(), Vec::new());
    let mut lengths = Vec::with_capacity(texts.len());
    let mut entries = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        entries.clear();
        if let Some(text) = text
            && let Err(why) = document::entries(text, &mut entries).and_then(|()| check_keys(&entries))
        {
            values.refuse(i, &why, refusals);
            entries.clear();
        }
        keys.extend(entries.iter().map(|(key, _)| Some(*key)));
        items.extend(entries.iter().map(|(_, value)| value.not_null()));
        lengths.push(entries.len());
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    let place = |step| Place::Parts { of: values.place, offsets: &offsets, step };
    let keys = array(key, Values { json: &keys, place: &place(Step::Key) }, refusals)?;
    let items = array(value, Values { json: &items, place: &place(Step::Value) }, refusals)?;
    let fields =
        vec![Field::new("key", keys.data_type().clone(), false), Field::new("value", items.data_type().clone(), true)];
    let entries = StructArray::try_new(fields.into(), vec![keys, items], None)?;
    let field = Arc::new(Field::new("entries", DataType::Struct(entries.fields().clone()), false));
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, Some(values.nulls()), false)?))
}

/// Refuses a key that comes twice: Cassandra would keep one of its values.
fn check_keys(entries: &[Entry<'_>]) -> Result<(), Why> {
    if entries.len() < 2 {
        return Ok(());
    }
    let mut met = HashSet::with_capacity(entries.len());
    for (key, _) in entries {
        if !met.insert(document::text(*key)?) {
            return Err(format!("the key {} comes twice", key.get()).into());
        }
    }
    Ok(())
}

pub(super) fn tuple(parts: &[CqlType], values: Values<'_>, refusals: &mut Refusals) -> Result<ArrayRef, ArrowError> {
    let texts = opened(values, refusals);
    let mut columns = vec![vec![None; texts.len()]; parts.len()];
    let mut elements = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let Some(text) = text else { continue };
        elements.clear();
        let read = document::elements(text, &mut elements).and_then(|()| {
            if elements.len() == parts.len() {
                return Ok(());
            }
            Err(format!("it has {} elements, and the tuple {}", elements.len(), parts.len()).into())
        });
        match read {
            Ok(()) => columns.iter_mut().zip(&elements).for_each(|(column, element)| column[i] = *element),
            Err(why) => values.refuse(i, &why, refusals),
        }
    }
    let names = (1..=parts.len()).map(|i| format!("_{i}"));
    structs(names.zip(parts).zip(&columns), values, refusals)
}

pub(super) fn user_type(
    user_type: &UserType,
    values: Values<'_>,
    refusals: &mut Refusals,
) -> Result<ArrayRef, ArrowError> {
    let texts = opened(values, refusals);
    let names = user_type.fields.iter().map(|(name, _)| name.as_str());
    let fields = Fields::new(format!("type {}", user_type.name), "field", names);
    let columns = fields.columns(&texts, |i, _, why| values.refuse(i, why, refusals));
    structs(user_type.fields.iter().map(|(name, part)| (name.clone(), part)).zip(&columns), values, refusals)
}

/// Structs of fields with these names and types, and the JSON of each.
fn structs<'a>(
    parts: impl Iterator<Item = ((String, &'a CqlType), &'a Vec<Option<Json<'a>>>)>,
    values: Values<'_>,
    refusals: &mut Refusals,
) -> Result<ArrayRef, ArrowError> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, ((name, cql_type), json)) in parts.enumerate() {
        let place = Place::Field { of: values.place, field };
        let column = array(cql_type, Values { json, place: &place }, refusals)?;
        fields.push(Field::new(name, column.data_type().clone(), true));
        columns.push(column);
    }
    let (length, nulls) = (values.json.len(), Some(values.nulls()));
    Ok(Arc::new(StructArray::try_new_with_length(fields.into(), columns, nulls, length)?))
}
