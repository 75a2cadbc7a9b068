//! Where in a nested value something is wrong.

use std::fmt::Write;

use crate::cluster::cql_type::CqlType;

/// One step into a value. Elements and entries count from 0 here, from 1 in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// An element of a list, set or vector.
    Element(usize),
    /// The key of a map's entry.
    Key(usize),
    /// The value of a map's entry.
    Value(usize),
    /// A field of a tuple or user-defined type.
    Field(usize),
    /// All elements alike, where only types are looked at.
    Elements,
    /// All keys.
    Keys,
    /// All values.
    Values,
}

/// The way down from the cell: in words, and the type that is there. `steps` are the innermost first, in the order in
/// which an error finds its way up.
pub(super) fn describe<'a>(cql_type: &'a CqlType, steps: &[Step]) -> (String, &'a CqlType) {
    let mut words = String::new();
    let mut here = cql_type.strip_frozen();
    for step in steps.iter().rev() {
        if !words.is_empty() {
            words.push_str(", ");
        }
        // Writing to a String cannot fail.
        let _ = match (step, here) {
            (Step::Element(i), _) => write!(words, "element {}", i + 1),
            (Step::Key(i), _) => write!(words, "key {}", i + 1),
            (Step::Value(i), _) => write!(words, "value {}", i + 1),
            (Step::Field(i), CqlType::Udt(user_type)) => {
                write!(words, "field {}", user_type.fields.get(*i).map_or("", |(name, _)| name.as_str()))
            }
            (Step::Field(i), _) => write!(words, "field _{}", i + 1),
            (Step::Elements, _) => write!(words, "elements"),
            (Step::Keys, _) => write!(words, "keys"),
            (Step::Values, _) => write!(words, "values"),
        };
        here = match (step, here) {
            (
                Step::Element(_) | Step::Elements,
                CqlType::List(inner) | CqlType::Set(inner) | CqlType::Vector(inner, _),
            )
            | (Step::Key(_) | Step::Keys, CqlType::Map(inner, _))
            | (Step::Value(_) | Step::Values, CqlType::Map(_, inner)) => inner,
            (Step::Field(i), _) => here.parts().get(*i).copied().unwrap_or(here),
            _ => here,
        }
        .strip_frozen();
    }
    (words, here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::cql_type::UserType;

    #[test]
    fn the_way_down_is_told_from_the_outside() {
        let fields = vec![("zip".to_owned(), CqlType::Int), ("tags".to_owned(), "list<text>".parse().unwrap())];
        let address = CqlType::Frozen(Box::new(CqlType::Udt(UserType { name: "address".into(), fields })));
        let cql_type = CqlType::Map(Box::new(CqlType::Uuid), Box::new(CqlType::Tuple(vec![CqlType::Int, address])));
        let shown = |steps: &[Step]| {
            let (words, inner) = describe(&cql_type, steps);
            format!("{words}: {inner}")
        };
        assert_eq!(
            shown(&[Step::Element(2), Step::Field(1), Step::Field(1), Step::Value(0)]),
            "value 1, field _2, field tags, element 3: text"
        );
        assert_eq!(shown(&[Step::Key(1)]), "key 2: uuid");
        assert_eq!(shown(&[Step::Field(0), Step::Values]), "values, field _1: int");
        assert_eq!(shown(&[]), ": map<uuid, tuple<int, frozen<address>>>");
    }
}
