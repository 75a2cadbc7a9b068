//! The same of nested types: random ones, with random values.

use arrow::array::{FixedSizeListArray, ListArray, MapArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use proptest::sample::select;

use super::*;
use crate::codec::tests::user_type;
use crate::codec::{arrow_type, width};

const LEAVES: [CqlType; 13] = [
    CqlType::TinyInt,
    CqlType::Int,
    CqlType::BigInt,
    CqlType::Double,
    CqlType::Boolean,
    CqlType::Text,
    CqlType::Blob,
    CqlType::Uuid,
    CqlType::Date,
    CqlType::Time,
    CqlType::Timestamp,
    CqlType::Duration,
    CqlType::Varint,
];

pub(in crate::codec) fn types() -> impl Strategy<Value = CqlType> {
    select(LEAVES.to_vec()).prop_recursive(4, 12, 3, |inner| {
        let one = || inner.clone().prop_map(Box::new);
        prop_oneof![
            one().prop_map(CqlType::List),
            one().prop_map(CqlType::Set),
            one().prop_map(CqlType::Frozen),
            (one(), one()).prop_map(|(key, value)| CqlType::Map(key, value)),
            vec(inner.clone(), 1..4).prop_map(CqlType::Tuple),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| user_type("u", &[("a", a), ("b b", b)])),
            (one(), 1..4_usize).prop_map(|(element, n)| CqlType::Vector(element, n)),
        ]
    })
}

/// Numbers that look random, the same for the same seed.
pub(in crate::codec) struct Numbers(u64);

impl Numbers {
    pub(in crate::codec) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ (self.0 >> 29)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// So many values of this type. Nothing inside a collection is null.
pub(in crate::codec) fn array(cql_type: &CqlType, rows: usize, may_be_null: bool, numbers: &mut Numbers) -> ArrayRef {
    let valid: Vec<bool> = (0..rows).map(|_| !may_be_null || numbers.below(4) > 0).collect();
    let nulls = may_be_null.then(|| NullBuffer::from(valid.clone()));
    let lengths: Vec<usize> = valid.iter().map(|valid| if *valid { numbers.below(4) } else { 0 }).collect();
    let (total, offsets) = (lengths.iter().sum(), || OffsetBuffer::from_lengths(lengths.iter().copied()));
    match cql_type {
        CqlType::Frozen(inner) => array(inner, rows, may_be_null, numbers),
        CqlType::List(element) | CqlType::Set(element) => {
            let values = array(element, total, false, numbers);
            Arc::new(ListArray::new(ReadAs::default().element_field(element), offsets(), values, nulls))
        }
        CqlType::Map(key, value) => {
            let field = ReadAs::default().entries_field(key, value);
            let columns = vec![array(key, total, false, numbers), array(value, total, false, numbers)];
            let DataType::Struct(fields) = field.data_type() else { panic!("{field}") };
            let entries = StructArray::new(fields.clone(), columns, None);
            Arc::new(MapArray::new(field, offsets(), entries, nulls, false))
        }
        CqlType::Tuple(_) | CqlType::Udt(_) => {
            let columns = cql_type.parts().into_iter().map(|part| array(part, rows, true, numbers)).collect();
            Arc::new(StructArray::new(ReadAs::default().struct_fields(cql_type), columns, nulls))
        }
        CqlType::Vector(element, n) => {
            let values = array(element, rows * n, false, numbers);
            Arc::new(FixedSizeListArray::new(ReadAs::default().element_field(element), width(*n), values, nulls))
        }
        scalar => scalars(scalar, &valid, numbers),
    }
}

fn scalars(cql_type: &CqlType, valid: &[bool], numbers: &mut Numbers) -> ArrayRef {
    let values: Vec<Option<u64>> = valid.iter().map(|valid| valid.then(|| numbers.next())).collect();
    let texts = || values.iter().map(|v| v.map(|v| "ä".repeat(usize::try_from(v % 80).unwrap())));
    match cql_type {
        CqlType::Double => Arc::new(values.iter().map(|v| v.map(f64::from_bits)).collect::<Float64Array>()),
        CqlType::Boolean => Arc::new(values.iter().map(|v| v.map(|v| v % 2 == 0)).collect::<BooleanArray>()),
        CqlType::Text => Arc::new(texts().collect::<StringArray>()),
        CqlType::Blob => Arc::new(texts().map(|text| text.map(String::into_bytes)).collect::<BinaryArray>()),
        CqlType::Varint => {
            Arc::new(values.iter().map(|v| v.map(|v| v.cast_signed().to_string())).collect::<StringArray>())
        }
        CqlType::Duration => {
            let days =
                |v: u64| IntervalMonthDayNano { months: 0, days: i32::try_from(v >> 33).unwrap(), nanoseconds: 7 };
            Arc::new(values.iter().map(|v| v.map(days)).collect::<IntervalMonthDayNanoArray>())
        }
        CqlType::Uuid => {
            let bytes = values.iter().map(|v| v.map(|v| (u128::from(v) << 64 | u128::from(v)).to_be_bytes()));
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 16).unwrap())
        }
        CqlType::Time => {
            let day = super::super::temporal::DAY_NANOS.cast_unsigned();
            Arc::new(values.iter().map(|v| v.map(|v| (v % day).cast_signed())).collect::<Time64NanosecondArray>())
        }
        other => {
            // Whole numbers, and what Arrow keeps as such; each takes those of the bits that fit.
            let bits = match other {
                CqlType::TinyInt => 8,
                CqlType::Int | CqlType::Date => 32,
                _ => 64,
            };
            let wide: Int64Array = values.iter().map(|v| v.map(|v| v.cast_signed() >> (64 - bits))).collect();
            let narrow = match other {
                CqlType::Date => arrow::compute::cast(&wide, &DataType::Int32).unwrap(),
                _ => Arc::new(wide),
            };
            arrow::compute::cast(&narrow, &arrow_type(other)).unwrap()
        }
    }
}

proptest! {
    #[test]
    fn nested_values_return(cql_type in types(), rows in 0..12_usize, seed in any::<u64>()) {
        let sent = array(&cql_type, rows, true, &mut Numbers::new(seed));
        let received = send_and_receive(&cql_type, Arc::clone(&sent));
        received.to_data().validate_full().unwrap();
        prop_assert_eq!(&received, &sent);
    }

    #[test]
    fn damaged_values_never_panic(
        cql_type in types(), seed in any::<u64>(), place in any::<usize>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let (rows, mut body) = send(&cql_type, array(&cql_type, 3, true, &mut Numbers::new(seed)));
        let place = place % body.len();
        if cut {
            // The cell's own length stays right, so that the cell itself ends too early.
            body.truncate(place);
            let cell = body.get(4..).unwrap_or_default();
            body = [&i32::try_from(cell.len()).unwrap().to_be_bytes()[..], cell].concat();
        } else {
            body[place] = byte;
        }
        let rows = if cut { 1 } else { rows };
        if let Ok(batch) = pages(&cql_type).decode_rows(rows, &body) {
            prop_assert_eq!(batch.num_rows(), rows);
            batch.column(0).to_data().validate_full().unwrap();
        }
    }
}
