//! Names of fields and types: Avro allows ASCII letters, digits and `_`, and no digit in front.

use std::collections::HashSet;

use arrow::datatypes::Fields;

/// Names that no type may have: those of Avro's own types, and that of the record all rows are.
const TAKEN: [&str; 15] = [
    "null",
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "bytes",
    "string",
    "record",
    "enum",
    "array",
    "map",
    "union",
    "fixed",
    "topLevelRecord",
];

/// Gives each type in a file a name of its own: Avro names records and types of fixed size, once a file.
pub(super) struct TypeNames(HashSet<String>);

impl TypeNames {
    pub(super) fn new() -> Self {
        Self(TAKEN.map(str::to_owned).into())
    }

    /// A name that no other type has, like this one.
    pub(super) fn name_like(&mut self, name: &str) -> String {
        unique(&mut self.0, allowed(name))
    }
}

/// What fields are called in Avro. Those with allowed names keep them, whatever the others are.
pub(super) fn field_names(fields: &Fields) -> Vec<String> {
    let is_allowed = |name: &str| allowed(name) == name;
    let mut taken: HashSet<String> = fields.iter().map(|f| f.name().clone()).filter(|name| is_allowed(name)).collect();
    fields
        .iter()
        .map(|field| match field.name() {
            name if is_allowed(name) => name.clone(),
            name => unique(&mut taken, allowed(name)),
        })
        .collect()
}

/// Where in `from` each field of `to` is, by its name, or by what one of them is called in Avro.
pub(super) fn matching(from: &Fields, to: &Fields) -> Vec<Option<usize>> {
    let (from_names, to_names) = (field_names(from), field_names(to));
    let find = |field: &str, name: &str| {
        let same = from.iter().position(|f| f.name() == field);
        same.or_else(|| from_names.iter().position(|n| n == name))
    };
    to.iter().zip(&to_names).map(|(field, name)| find(field.name(), name)).collect()
}

fn allowed(name: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let digit_in_front = name.starts_with(|c: char| c.is_ascii_digit());
    let front = if digit_in_front || name.is_empty() { "_" } else { "" };
    front.chars().chain(name.chars().map(|c| if is_letter(c) { c } else { '_' })).collect()
}

fn unique(taken: &mut HashSet<String>, mut name: String) -> String {
    while !taken.insert(name.clone()) {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn fields(names: &[&str]) -> Fields {
        names.iter().map(|name| Field::new(*name, DataType::Int32, true)).collect()
    }

    #[test]
    fn names_become_allowed_and_stay_apart() {
        let names = field_names(&fields(&["Zip Code", "Zip_Code", "Zip-Code", "1st", "", "größe", "k"]));
        assert_eq!(names, ["Zip_Code_", "Zip_Code", "Zip_Code__", "_1st", "_", "gr__e", "k"]);
        let mut types = TypeNames::new();
        assert_eq!(["int", "a b", "a_b", "Int"].map(|n| types.name_like(n)), ["int_", "a_b", "a_b_", "Int"]);
    }

    #[test]
    fn fields_are_found_by_either_name() {
        let ours = fields(&["a b", "a_b", "c"]);
        let avro = fields(&["c", "a_b", "a_b_"]);
        assert_eq!(matching(&avro, &ours), [Some(2), Some(1), Some(0)]);
        assert_eq!(matching(&ours, &avro), [Some(2), Some(1), Some(0)]);
        // What another program wrote need not be allowed.
        assert_eq!(matching(&fields(&["é", "x"]), &fields(&["y", "é"])), [None, Some(0)]);
    }
}
