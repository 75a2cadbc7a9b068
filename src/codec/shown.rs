//! Values in messages.

use arrow::array::Array;
use arrow::util::display::array_value_to_string;

/// The characters that are shown of a value: enough to know it again, few enough to read the rest of the sentence.
const SHOWN: usize = 80;

/// The beginning of a value's text, with an ellipsis where something is left out.
pub(crate) fn shown(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The same of one value of an array.
pub(crate) fn shown_at(array: &dyn Array, row: usize) -> String {
    array_value_to_string(array, row).map_or_else(|_| "the value".to_owned(), |value| shown(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let just = "ü".repeat(SHOWN);
        assert_eq!(shown(&just), just);
        assert_eq!(shown(&format!("{just}a")), format!("{just}…"));
    }
}
