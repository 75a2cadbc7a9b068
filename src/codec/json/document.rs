//! A JSON text, taken apart by one level: what is inside stays text until its type is known.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// Why something cannot be read, as the end of "cannot read … as …: ".
pub(super) type Why = Cow<'static, str>;

/// The text of one JSON value, without space around it. That it is one has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    pub(super) fn get(self) -> &'a str {
        self.0
    }

    /// Null is none.
    pub(super) fn not_null(self) -> Option<Self> {
        (self.0 != "null").then_some(self)
    }
}

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Boolean,
    Null,
}

impl Kind {
    /// By its first character; none if no value begins with that.
    fn of(json: &str) -> Option<Self> {
        Some(match json.trim_start().bytes().next()? {
            b'{' => Self::Object,
            b'[' => Self::Array,
            b'"' => Self::Text,
            b't' | b'f' => Self::Boolean,
            b'n' => Self::Null,
            b'-' | b'0'..=b'9' => Self::Number,
            _ => return None,
        })
    }

    /// Of a value that has been found to be one.
    pub(super) fn of_value(json: Json<'_>) -> Self {
        Self::of(json.get()).unwrap_or(Self::Null)
    }

    /// Why a value of this kind cannot be read.
    pub(super) fn instead_of(self, expected: &str) -> Why {
        let kind = match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        };
        format!("it is {kind} and must be {expected}").into()
    }
}

/// The text that a JSON text, with its quotes and escapes, stands for.
pub(super) fn text(json: Json<'_>) -> Result<Cow<'_, str>, Why> {
    let quoted = json.get();
    match quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Ok(Cow::Borrowed(text)),
        Some(_) => serde_json::from_str(quoted).map(Cow::Owned).map_err(no_json),
        None => Err(Kind::of_value(json).instead_of("a text")),
    }
}

/// Appends the elements of an array; none if it is not one.
pub(super) fn elements<'a>(json: &'a str, to: &mut Vec<Option<Json<'a>>>) -> Result<(), Why> {
    to.extend(Parts::of(json, Kind::Array, "an array")?.map(Json::not_null));
    Ok(())
}

/// A name, as a JSON text, and its value.
pub(super) type Entry<'a> = (Json<'a>, Json<'a>);

/// The names and values of an object, all of them, in the order they have there.
pub(super) fn entries<'a>(json: &'a str, to: &mut Vec<Entry<'a>>) -> Result<(), Why> {
    to.clear();
    let mut parts = Parts::of(json, Kind::Object, "an object")?;
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        to.push((name, value));
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "so it can be given to map_err")]
fn no_json(error: serde_json::Error) -> Why {
    format!("it is no JSON: {error}").into()
}

/// The values that an array is directly made of; the names and values, in turn, that an object is.
struct Parts<'a>(&'a str);

impl<'a> Parts<'a> {
    /// Checks that the text is one value, and of this kind.
    fn of(json: &'a str, kind: Kind, name: &str) -> Result<Self, Why> {
        match Kind::of(json) {
            Some(other) if other != kind => return Err(other.instead_of(name)),
            // What is no JSON at all is left to the parser, which can tell more.
            _ => serde_json::from_str::<IgnoredAny>(json).map_err(no_json)?,
        };
        Ok(Self(json.trim().get(1..).unwrap_or_default()))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        // Since all of it is JSON, these only stand between its parts, and the brackets at its end.
        let rest = self.0.trim_start_matches([' ', '\t', '\n', '\r', ',', ':', ']', '}']);
        if rest.is_empty() {
            return None;
        }
        let (part, rest) = rest.split_at_checked(length(rest.as_bytes()))?;
        self.0 = rest;
        Some(Json(part))
    }
}

/// The bytes of the value that stands at the beginning of JSON.
fn length(json: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut i = 0;
    while let Some(byte) = json.get(i) {
        match byte {
            b'"' => i += text_length(&json[i..]) - 1,
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth > 0 => depth -= 1,
            // The end of a number or a word.
            b']' | b'}' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return i,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 1;
        if depth == 0 {
            return i;
        }
    }
    json.len()
}

/// The bytes of a text, quotes included.
fn text_length(json: &[u8]) -> usize {
    let mut escaped = false;
    let end = json.iter().skip(1).position(|byte| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    });
    end.map_or(json.len(), |end| end + 2)
}
