//! Objects whose names are known: the columns of a table, the fields of a user-defined type.

use std::borrow::Cow;
use std::collections::HashMap;

use super::document::{self, Json, Why};

/// The names that objects have.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    /// Whose they are, for messages.
    owner: String,
    /// What the owner calls them.
    word: &'static str,
    /// Where each stands.
    places: HashMap<String, usize>,
}

impl Fields {
    pub(super) fn new<'n>(owner: String, word: &'static str, names: impl Iterator<Item = &'n str>) -> Self {
        Self { owner, word, places: names.enumerate().map(|(i, name)| (name.to_owned(), i)).collect() }
    }

    /// For each field its value in each object. Objects that cannot be read, and those that are none, have no values.
    pub(super) fn columns<'a, T: AsRef<str>>(
        &self,
        objects: &'a [Option<T>],
        mut refuse: impl FnMut(usize, &str, &str),
    ) -> Vec<Vec<Option<Json<'a>>>> {
        let mut columns = vec![vec![None; objects.len()]; self.places.len()];
        // The object, counted from 1, in which each field was met last.
        let mut met = vec![0; columns.len()];
        let mut entries = Vec::new();
        for (i, object) in objects.iter().enumerate() {
            let Some(object) = object.as_ref().map(AsRef::as_ref) else { continue };
            let read = document::entries(object, &mut entries).and_then(|()| {
                for (name, value) in &entries {
                    let field = self.find(*name)?;
                    if std::mem::replace(&mut met[field], i + 1) == i + 1 {
                        return Err(format!("{} {} comes twice", self.word, folded(&document::text(*name)?)).into());
                    }
                    columns[field][i] = value.not_null();
                }
                Ok(())
            });
            if let Err(why) = read {
                for column in &mut columns {
                    column[i] = None;
                }
                refuse(i, object, &why);
            }
        }
        columns
    }

    /// The field that is written so.
    fn find(&self, written: Json<'_>) -> Result<usize, Why> {
        let written = document::text(written)?;
        let name = folded(&written);
        if let Some(place) = self.places.get(name.as_ref()) {
            return Ok(*place);
        }
        let (owner, word) = (&self.owner, self.word);
        let meant = self.places.keys().filter(|known| known.to_lowercase() == name.to_lowercase()).min();
        Err(match meant {
            Some(meant) => format!(
                "{owner} has no {word} {name}; names are in lower case unless quoted: write {:?} for {meant}",
                format!("\"{meant}\"")
            ),
            None => format!("{owner} has no {word} {name}"),
        }
        .into())
    }
}

/// The name that is meant: in lower case, unless in quotes.
fn folded(written: &str) -> Cow<'_, str> {
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => Cow::Borrowed(quoted),
        None if written.chars().any(char::is_uppercase) => Cow::Owned(written.to_lowercase()),
        None => Cow::Borrowed(written),
    }
}
