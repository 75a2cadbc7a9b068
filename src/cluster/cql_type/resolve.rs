//! Fills in the fields of user-defined types, of which a column's type has only the names.

use std::collections::HashMap;

use super::parse::MAX_DEPTH;
use super::{CqlType, UserType};
use crate::error::{Error, Result};

/// The user-defined types of one keyspace: for each name the names and types of its fields, which may name others.
pub(crate) type Definitions = HashMap<String, Vec<(String, CqlType)>>;

impl CqlType {
    /// The same type with the fields of all user-defined types in it, at any depth.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) for a user-defined type that is not among the definitions, and for
    /// one that contains itself.
    pub(crate) fn resolve(&self, definitions: &Definitions) -> Result<Self> {
        resolve(self, definitions, 0)
    }
}

fn resolve(cql_type: &CqlType, definitions: &Definitions, depth: usize) -> Result<CqlType> {
    if depth > MAX_DEPTH {
        return Err(Error::schema(format!("types are nested deeper than {MAX_DEPTH}")));
    }
    let one = |inner: &CqlType| resolve(inner, definitions, depth + 1);
    let boxed = |inner: &CqlType| one(inner).map(Box::new);
    Ok(match cql_type {
        CqlType::List(element) => CqlType::List(boxed(element)?),
        CqlType::Set(element) => CqlType::Set(boxed(element)?),
        CqlType::Map(key, value) => CqlType::Map(boxed(key)?, boxed(value)?),
        CqlType::Tuple(elements) => CqlType::Tuple(elements.iter().map(one).collect::<Result<_>>()?),
        CqlType::Vector(element, dimension) => CqlType::Vector(boxed(element)?, *dimension),
        CqlType::Frozen(inner) => CqlType::Frozen(boxed(inner)?),
        CqlType::Udt(UserType { name, .. }) => {
            let fields = definitions.get(name).ok_or_else(|| {
                Error::schema(format!(
                    "the user-defined type {cql_type} is not there any more; run the statement again"
                ))
            })?;
            let resolved = |(name, field): &(String, CqlType)| Ok((name.clone(), one(field)?));
            CqlType::Udt(UserType { name: name.clone(), fields: fields.iter().map(resolved).collect::<Result<_>>()? })
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions(of: &[(&str, &[(&str, &str)])]) -> Definitions {
        let field = |(name, field): &(&str, &str)| ((*name).to_owned(), field.parse().unwrap());
        of.iter().map(|(name, fields)| ((*name).to_owned(), fields.iter().map(field).collect())).collect()
    }

    fn parse(text: &str) -> CqlType {
        text.parse().unwrap()
    }

    #[test]
    fn fields_are_filled_in_at_any_depth() {
        let known = definitions(&[
            ("address", &[("street", "text"), ("phones", "frozen<set<frozen<\"Phone\">>>")]),
            ("Phone", &[("number", "text")]),
        ]);
        let text = "map<text, frozen<list<frozen<tuple<int, frozen<address>>>>>>";
        let resolved = parse(text).resolve(&known).unwrap();
        assert_eq!(resolved.to_string(), text);
        let mut found = Vec::new();
        let mut open = vec![&resolved];
        while let Some(next) = open.pop() {
            if let CqlType::Udt(user_type) = next {
                found.push((user_type.name.as_str(), user_type.fields.len()));
            }
            open.extend(next.parts());
        }
        assert_eq!(found, [("address", 2), ("Phone", 1)]);
        assert!(resolved.contains(|t| matches!(t, CqlType::Udt(user_type) if user_type.name == "Phone")));
        assert!(!parse(text).contains(|t| matches!(t, CqlType::Udt(user_type) if user_type.name == "Phone")));
    }

    #[test]
    fn what_cannot_be_resolved_is_an_error() {
        let error = parse("list<frozen<gone>>").resolve(&Definitions::new()).unwrap_err();
        assert_eq!(error.to_string(), "the user-defined type gone is not there any more; run the statement again");
        let endless = definitions(&[("a", &[("b", "frozen<a>")])]);
        assert!(parse("a").resolve(&endless).unwrap_err().to_string().contains("nested deeper than 64"));
    }
}
