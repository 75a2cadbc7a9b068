//! Conditions on, and parts of, columns that are no scalars.

use super::choices::Choices;
use super::column_type::ColumnType;
use super::condition::Relation;
use super::scalar::Scalar;
use super::table::Column;

/// A condition on a column of another type than a scalar.
pub(crate) fn predicate(relation: Relation<'_>, column: &Column, choices: &mut Choices) -> String {
    let name = relation.column(column);
    if choices.chance(25) || column.parts.is_empty() {
        let not = choices.word(&["", "NOT "]);
        return format!("{name} IS {not}NULL");
    }
    match column.cql_type {
        ColumnType::Map(..) | ColumnType::FrozenMap(..) => match choices.below(5) {
            0 => format!("cardinality(map_keys({name})) = 1"),
            1 => format!("array_has(map_keys({name}), {})", constant(column, 0, choices)),
            2 => format!("array_has(map_values({name}), {})", constant(column, 1, choices)),
            _ => on_part(&name, column, choices),
        },
        ColumnType::Tuple(..) | ColumnType::Udt(_) | ColumnType::FrozenUdt(_) => match choices.below(6) {
            0 => {
                let fields = column.cql_type.fields().unwrap();
                let (a, b) = (constant(column, 0, choices), constant(column, 1, choices));
                format!("{name} = named_struct('{}', {a}, '{}', {b})", fields[0], fields[1])
            }
            _ => on_part(&name, column, choices),
        },
        _ => match choices.weighted(&[6, 1, 1, 1, 1, 4]) {
            0 => has_element(&name, column, choices),
            1 => format!("cardinality({name}) > 1"),
            2 => format!(
                "array_has_any({name}, make_array({}, {}))",
                constant(column, 0, choices),
                constant(column, 0, choices)
            ),
            3 => format!("array_has_all({name}, make_array({}))", constant(column, 0, choices)),
            4 => format!("array_position({name}, {}) = 1", constant(column, 0, choices)),
            _ => on_part(&name, column, choices),
        },
    }
}

/// A condition that an index may answer, true of some rows.
pub(crate) fn indexable(relation: Relation<'_>, column: &Column, choices: &mut Choices) -> String {
    let name = relation.column(column);
    match column.cql_type {
        ColumnType::Map(..) | ColumnType::FrozenMap(..) => match choices.below(3) {
            0 => format!("array_has(map_keys({name}), {})", constant(column, 0, choices)),
            1 => format!("array_has(map_values({name}), {})", constant(column, 1, choices)),
            _ => format!("{} = {}", map_entry(&name, column, choices), constant(column, 1, choices)),
        },
        ColumnType::List(_) | ColumnType::Set(_) | ColumnType::FrozenList(_) | ColumnType::FrozenSet(_) => {
            has_element(&name, column, choices)
        }
        _ => predicate(relation, column, choices),
    }
}

/// A part of a value: an element, the value of a key, or a field.
pub(crate) fn part(name: &str, column: &Column, choices: &mut Choices) -> (String, usize) {
    match column.cql_type {
        ColumnType::Map(..) | ColumnType::FrozenMap(..) => (map_entry(name, column, choices), 1),
        ColumnType::Tuple(..) | ColumnType::Udt(_) | ColumnType::FrozenUdt(_) => {
            let place = choices.below(2);
            let field = column.cql_type.fields().unwrap()[place];
            let form = choices.word(&["{}['{field}']", "get_field({}, '{field}')"]);
            (form.replace("{}", name).replace("{field}", field), place)
        }
        _ => (format!("{name}[{}]", choices.word(&["1", "2", "-1", "4"])), 0),
    }
}

fn map_entry(name: &str, column: &Column, choices: &mut Choices) -> String {
    format!("{name}[{}]", constant(column, 0, choices))
}

fn has_element(name: &str, column: &Column, choices: &mut Choices) -> String {
    let has = format!("array_has({name}, {})", constant(column, 0, choices));
    if choices.chance(20) { format!("({has} AND array_has({name}, {}))", constant(column, 0, choices)) } else { has }
}

fn on_part(name: &str, column: &Column, choices: &mut Choices) -> String {
    let (part, place) = part(name, column, choices);
    match choices.weighted(&[5, 2, 1, 1, 1]) {
        0 => format!("{part} = {}", constant(column, place, choices)),
        1 => {
            let operator = choices.word(&["<", ">", "<=", ">=", "<>"]);
            format!("{part} {operator} {}", constant(column, place, choices))
        }
        2 => format!("{part} IS NULL"),
        3 => format!("{part} IS NOT NULL"),
        _ => format!("{part} IN ({}, {})", constant(column, place, choices), constant(column, place, choices)),
    }
}

/// A value that a part of the column may have, mostly one that it has somewhere, with exactly the type it has.
fn constant(column: &Column, place: usize, choices: &mut Choices) -> String {
    let scalar: Scalar = column.cql_type.parts()[place];
    if choices.chance(10) {
        return scalar.exact(choices.word(scalar.values()));
    }
    scalar.exact(choices.text(&column.parts[place]))
}
