//! Values as JSON: in the formats json and ndjson, and for lists, maps and structs inside the cells of the others.
//!
//! Maps are objects, whose keys are texts: `{"1":"a"}` of a `map<int, text>`. Decimals and 64-bit integers are numbers with all their digits. NaN and the infinities, which JSON has no number for,
//! are the texts "NaN", "inf" and "-inf".

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrowPrimitiveType, AsArray, MapArray, PrimitiveArray};
use datafusion::arrow::datatypes::{ArrowNativeType, DataType, FieldRef, Float32Type, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};

use super::binary::{BinaryText, tells_type};
use super::cells::no_text;
use super::time::TimeText;

/// Encoders cannot return an error, so they leave it here.
type Failure = Arc<Mutex<Option<ArrowError>>>;

/// Makes encoders of values to JSON.
pub(super) struct JsonValues {
    options: EncoderOptions,
    failure: Failure,
}

impl JsonValues {
    pub(super) fn new() -> Self {
        let encoders = OurEncoders::default();
        let failure = Arc::clone(&encoders.failure);
        let options = EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(encoders));
        Self { options, failure }
    }

    /// An encoder of an array. After each value, [`Self::check`] tells whether it could be written.
    ///
    /// # Errors
    /// A type that JSON cannot express.
    pub(super) fn encoder<'a>(
        &'a self,
        field: &'a FieldRef,
        array: &'a dyn Array,
    ) -> Result<NullableEncoder<'a>, ArrowError> {
        make_encoder(field, array, &self.options)
    }

    /// # Errors
    /// A value since the last check that has no text, such as a time of day that is none.
    pub(super) fn check(&self) -> Result<(), ArrowError> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }
}

/// The types that we write otherwise than Arrow does.
#[derive(Debug, Clone, Default)]
struct OurEncoders {
    failure: Failure,
}

impl EncoderFactory for OurEncoders {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        if let DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) =
            array.data_type()
            && tells_type(element)
            && !Arc::ptr_eq(element, field)
        {
            // Arrow asks for the encoder of elements with the field of their list.
            return make_encoder(element, array, options).map(Some);
        }
        if let Some(binary) = BinaryText::new(field, array) {
            let encoder = Box::new(BinaryEncoder { binary, text: String::new() });
            return Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())));
        }
        Ok(match array.data_type() {
            DataType::Float32 => FloatEncoder::if_needed(array.as_primitive::<Float32Type>()),
            DataType::Map(entries, _) => MapEncoder::try_new(entries, array.as_map(), options)?,
            DataType::Float64 => FloatEncoder::if_needed(array.as_primitive::<Float64Type>()),
            other if other.is_temporal() => {
                let formatter = TimeText::try_new(array)?;
                let failure = Arc::clone(&self.failure);
                let encoder = TimeEncoder { column: field.name(), formatter, failure, text: String::new() };
                Some(NullableEncoder::new(Box::new(encoder), array.nulls().cloned()))
            }
            _ => None,
        })
    }
}

struct BinaryEncoder<'a> {
    binary: BinaryText<'a>,
    text: String,
}

impl Encoder for BinaryEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        self.text.clear();
        self.binary.append(row, &mut self.text);
        out.push(b'"');
        out.extend_from_slice(self.text.as_bytes());
        out.push(b'"');
    }
}

/// Floating-point numbers some of which are not finite.
struct FloatEncoder<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>);

impl<'a, T: ArrowPrimitiveType<Native: Into<f64> + Debug>> FloatEncoder<'a, T> {
    /// `None` where all numbers are finite: Arrow's own encoder is faster.
    fn if_needed(array: &'a PrimitiveArray<T>) -> Option<NullableEncoder<'a>> {
        let all_finite = array.iter().flatten().all(|value| value.into().is_finite());
        (!all_finite).then(|| NullableEncoder::new(Box::new(Self(array)), array.nulls().cloned()))
    }
}

impl<T: ArrowPrimitiveType<Native: Into<f64> + Debug>> Encoder for FloatEncoder<'_, T> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let value = self.0.value(row);
        let text = if value.into().is_finite() { format!("{value:?}") } else { format!("\"{value:?}\"") };
        out.extend_from_slice(text.as_bytes());
    }
}

/// Dates and times. Arrow's own encoder would write the error of a value that has no text as if it were data.
struct TimeEncoder<'a> {
    column: &'a str,
    formatter: TimeText<'a>,
    failure: Failure,
    text: String,
}

impl Encoder for TimeEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        self.text.clear();
        if let Err(error) = self.formatter.append(row, &mut self.text) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(no_text(self.column, &error));
        }
        out.push(b'"');
        out.extend_from_slice(self.text.as_bytes());
        out.push(b'"');
    }
}

/// Maps as objects, whatever their keys are: JSON's are texts, so all others are the text of their JSON. Arrow has this for
/// keys of text only.
struct MapEncoder<'a> {
    map: &'a MapArray,
    keys: NullableEncoder<'a>,
    values: NullableEncoder<'a>,
    key: Vec<u8>,
}

impl<'a> MapEncoder<'a> {
    /// `None` for what is no map of keys and values.
    fn try_new(
        entries: &'a FieldRef,
        map: &'a MapArray,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let DataType::Struct(fields) = entries.data_type() else { return Ok(None) };
        let [key, value] = &fields[..] else { return Ok(None) };
        let keys = make_encoder(key, map.keys().as_ref(), options)?;
        let values = make_encoder(value, map.values().as_ref(), options)?;
        let encoder = Self { map, keys, values, key: Vec::new() };
        Ok(Some(NullableEncoder::new(Box::new(encoder), map.nulls().cloned())))
    }
}

impl Encoder for MapEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let start = self.map.value_offsets()[row].as_usize();
        out.push(b'{');
        for entry in start..start + self.map.value_length(row).as_usize() {
            if entry > start {
                out.push(b',');
            }
            self.key.clear();
            encode_or_null(&mut self.keys, entry, &mut self.key);
            if self.key.starts_with(b"\"") {
                out.extend_from_slice(&self.key);
            } else {
                append_quoted(&self.key, out);
            }
            out.push(b':');
            encode_or_null(&mut self.values, entry, out);
        }
        out.push(b'}');
    }
}

fn encode_or_null(encoder: &mut NullableEncoder<'_>, row: usize, out: &mut Vec<u8>) {
    if encoder.is_null(row) {
        out.extend_from_slice(b"null");
    } else {
        encoder.encode(row, out);
    }
}

/// JSON as a text of JSON: nothing but quotes and backslashes need an escape there.
fn append_quoted(json: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in json {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
