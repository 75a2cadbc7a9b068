//! What can be wrong with a cell, and how that is said.

use crate::cluster::cql_type::CqlType;
use crate::codec::hex;
use crate::codec::place::{Step, describe};
use crate::options::{DECIMAL_AS, DECIMAL_OVERFLOW, EMPTY_VALUES, VARINT_AS};

/// Why a cell is not a value of its column's type. One pointer, so that what a decoder returns for each cell stays in a
/// register: through memory it takes longer than the cell itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault(Box<Kind>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Present, with zero bytes, in a type that Arrow gives no such value.
    Empty,
    /// Not what was expected.
    Expected(&'static str),
    /// A number that is not in the decimal type chosen for it, as a sentence.
    DoesNotFit(String),
    /// The same of a part of the cell.
    Within(Part),
}

/// A part of a cell that is no value of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// The way to it, from the inside.
    steps: Vec<Step>,
    /// What is wrong with it.
    fault: Fault,
    /// Its bytes, as they are shown.
    shown: String,
}

impl Fault {
    /// A cell of zero bytes, in a type that Arrow gives no such value.
    #[cold]
    pub(super) fn empty() -> Self {
        Self(Box::new(Kind::Empty))
    }

    /// Not what was expected.
    #[cold]
    pub(super) fn expected(what: &'static str) -> Self {
        Self(Box::new(Kind::Expected(what)))
    }

    /// A number that is not in the decimal type chosen for it, as a sentence.
    #[cold]
    pub(super) fn does_not_fit(sentence: String) -> Self {
        Self(Box::new(Kind::DoesNotFit(sentence)))
    }

    /// The fault of a cell that is not of the only length its type has.
    #[cold]
    pub(super) fn length(cell: &[u8], expected: &'static str) -> Self {
        if cell.is_empty() { Self::empty() } else { Self::expected(expected) }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self.0 == Kind::Empty
    }

    /// The fault of what contains this part.
    #[cold]
    pub(super) fn within(mut self, step: Step, part: Option<&[u8]>) -> Self {
        if let Kind::Within(part) = &mut *self.0 {
            part.steps.push(step);
            return self;
        }
        Self(Box::new(Kind::Within(Part { steps: vec![step], fault: self, shown: shown(part) })))
    }

    /// What to tell the user about a cell of this type. A column that `may_be_null` can be read in spite of empty values.
    pub(super) fn message(&self, cql_type: &CqlType, cell: Option<&[u8]>, may_be_null: bool) -> String {
        match &*self.0 {
            Kind::Empty => format!("the cell {}", empty(cql_type, may_be_null)),
            Kind::Expected(expected) => format!("the cell is no {cql_type}: expected {expected}, got {}", shown(cell)),
            Kind::DoesNotFit(what) => does_not_fit(what, cql_type, may_be_null),
            Kind::Within(part) => {
                let (place, inner) = describe(cql_type, &part.steps);
                let may_be_null = may_be_null && !matches!(part.steps.first(), Some(Step::Key(_)));
                let expected = match &*part.fault.0 {
                    Kind::Expected(expected) => expected,
                    Kind::DoesNotFit(what) => {
                        return format!("{place} of the cell: {}", does_not_fit(what, inner, may_be_null));
                    }
                    Kind::Empty | Kind::Within(_) => {
                        return format!("{place} of the cell {}", empty(inner, may_be_null));
                    }
                };
                format!("the cell is no {cql_type}: {place} is no {inner}: expected {expected}, got {}", part.shown)
            }
        }
    }
}

fn empty(cql_type: &CqlType, may_be_null: bool) -> String {
    let or = if may_be_null {
        format!("read all such values as null with SET {EMPTY_VALUES} = 'null', or ")
    } else {
        "it cannot be read as null because it is part of a key; ".to_owned()
    };
    format!(
        "is empty (no bytes, yet not null), a value of type {cql_type} that Arrow does not have: {or}select the other \
         columns by name, or write a value or null to the cell"
    )
}

fn does_not_fit(what: &str, cql_type: &CqlType, may_be_null: bool) -> String {
    let name = if *cql_type.strip_frozen() == CqlType::Varint { VARINT_AS } else { DECIMAL_AS };
    let or = if may_be_null { "'clamp' (the nearest number that fits) or 'null'" } else { "'clamp'" };
    format!("{what}: choose a wider type or 'text' by SET {name}, or {or} by SET {DECIMAL_OVERFLOW}")
}

/// Bytes for an error message: how many, and the first of them.
fn shown(bytes: Option<&[u8]>) -> String {
    const SHOWN: usize = 20;
    let Some(bytes) = bytes else { return "null".to_owned() };
    match bytes.get(..SHOWN) {
        Some(first) if bytes.len() > SHOWN => format!("{} bytes {}…", bytes.len(), hex::text_of(first)),
        _ => format!("{} bytes {}", bytes.len(), hex::text_of(bytes)),
    }
}
