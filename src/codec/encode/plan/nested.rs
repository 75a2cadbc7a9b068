//! Plans for types with parts.

use arrow::datatypes::{DataType, Fields};

use super::{Form, MapPlan, PartPlan, Plan, Refusal, VectorPlan};
use crate::cluster::cql_type::{CqlType, UserType};
use crate::codec::place::Step;
use crate::codec::vector_width;

/// What a list of any layout is made of.
fn elements(source: &DataType) -> Option<&DataType> {
    match source {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(field.data_type()),
        _ => None,
    }
}

fn element_plan(element: &CqlType, source: &DataType) -> Result<Plan, Refusal> {
    let from = elements(source).ok_or_else(|| Refusal::of(source, None))?;
    Plan::new(element, from).map_err(|refusal| refusal.within(Step::Elements))
}

pub(super) fn list(element: &CqlType, source: &DataType) -> Result<Form, Refusal> {
    Ok(Form::List(Box::new(element_plan(element, source)?)))
}

pub(super) fn vector(element: &CqlType, dimension: usize, source: &DataType) -> Result<Form, Refusal> {
    if let DataType::FixedSizeList(_, length) = source
        && usize::try_from(*length).ok() != Some(dimension)
    {
        let why = format!("its lists have {length} elements, and the vector {dimension}");
        return Err(Refusal::of(source, Some(why)));
    }
    let element_plan = element_plan(element, source)?;
    Ok(Form::Vector(Box::new(VectorPlan { element: element_plan, dimension, width: vector_width(element) })))
}

/// A map, or a list of structs that have the fields `key` and `value` alone.
pub(super) fn map(key: &CqlType, value: &CqlType, source: &DataType) -> Result<Form, Refusal> {
    let (entries, names) = match source {
        DataType::Map(entries, _) => (entries.data_type(), None),
        _ => (elements(source).ok_or_else(|| Refusal::of(source, None))?, Some(["key", "value"])),
    };
    let DataType::Struct(fields) = entries else { return Err(Refusal::of(source, None)) };
    let index = |i: usize| names.map_or(Some(i), |names| fields.iter().position(|field| field.name() == names[i]));
    let (2, Some(key_index), Some(value_index)) = (fields.len(), index(0), index(1)) else {
        let why = "a map takes a list of structs only if their fields are key and value".to_owned();
        return Err(Refusal::of(source, Some(why)));
    };
    Ok(Form::Map(Box::new(MapPlan {
        key: part(key, fields, key_index, Step::Keys)?,
        value: part(value, fields, value_index, Step::Values)?,
    })))
}

fn part(target: &CqlType, fields: &Fields, index: usize, step: Step) -> Result<PartPlan, Refusal> {
    let plan = Plan::new(target, fields[index].data_type()).map_err(|refusal| refusal.within(step))?;
    Ok(PartPlan { index, plan })
}

/// By position: a tuple's fields have no names.
pub(super) fn tuple(elements: &[CqlType], source: &DataType) -> Result<Form, Refusal> {
    let DataType::Struct(fields) = source else { return Err(Refusal::of(source, None)) };
    if fields.len() != elements.len() {
        let why = format!("the struct has {} fields, and the tuple {}", fields.len(), elements.len());
        return Err(Refusal::of(source, Some(why)));
    }
    let parts = elements.iter().enumerate().map(|(i, element)| part(element, fields, i, Step::Field(i)).map(Some));
    Ok(Form::Struct(parts.collect::<Result<_, _>>()?))
}

/// By name. Fields of the type that do not come are null.
pub(super) fn user_type(target: &UserType, source: &DataType) -> Result<Form, Refusal> {
    let DataType::Struct(fields) = source else { return Err(Refusal::of(source, None)) };
    let names: Vec<&str> = target.fields.iter().map(|(name, _)| name.as_str()).collect();
    for (i, field) in fields.iter().enumerate() {
        let name = field.name();
        let why = if !names.contains(&name.as_str()) {
            format!("type {} has no field {name}; its fields are {}", target.name, names.join(", "))
        } else if fields.iter().take(i).any(|other| other.name() == name) {
            format!("there are several fields {name}")
        } else {
            continue;
        };
        return Err(Refusal::of(source, Some(why)));
    }
    let parts = target.fields.iter().enumerate().map(|(i, (name, field))| {
        let index = fields.iter().position(|other| other.name() == name);
        index.map(|index| part(field, fields, index, Step::Field(i))).transpose()
    });
    Ok(Form::Struct(parts.collect::<Result<_, _>>()?))
}
