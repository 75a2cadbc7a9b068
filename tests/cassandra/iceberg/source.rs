//! Rows of every type, and conditions on them.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray, Time64NanosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};

/// Rows of every type, with nulls, edges and awkward text; the same ones each time.
pub(crate) fn all_types(count: i64) -> Vec<RecordBatch> {
    const SIZE: i64 = 97;
    let uuid = Field::new("u", DataType::FixedSizeBinary(16), true).with_metadata(
        [("ARROW:extension:name", "arrow.uuid"), ("cassandra.type", "timeuuid")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
    );
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("country", DataType::Utf8, true),
        Field::new("name", DataType::Utf8View, true),
        Field::new("i", DataType::Int32, true),
        Field::new("small", DataType::Int16, true),
        Field::new("f", DataType::Float32, true),
        Field::new("g", DataType::Float64, true),
        Field::new("b", DataType::Boolean, true),
        Field::new("bin", DataType::Binary, true),
        uuid,
        Field::new("d", DataType::Date32, true),
        Field::new("t", DataType::Time64(TimeUnit::Nanosecond), true),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true),
        Field::new("plain", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        Field::new("dec", DataType::Decimal128(20, 3), true),
        Field::new("nothing", DataType::Utf8, true),
    ]));
    (0..count.unsigned_abs().div_ceil(SIZE.unsigned_abs()).cast_signed())
        .map(|part| {
            let ids: Vec<i64> = (part * SIZE..count.min((part + 1) * SIZE)).collect();
            RecordBatch::try_new(Arc::clone(&schema), columns(&ids)).unwrap()
        })
        .collect()
}

fn columns(ids: &[i64]) -> Vec<ArrayRef> {
    const COUNTRIES: [&str; 8] = ["Chile", "Peru", "Côte d'Ivoire", "../../etc", "a/b=c", "", " ", "日本"];
    const DAY_MS: i64 = 86_400_000;
    // Every seventh row has a null, in another place for each column.
    let some = |id: &i64, column: i64| (id + column) % 7 != 0;
    let pick = |id: &i64| usize::try_from(id.rem_euclid(8)).unwrap();
    let long = "long text ".repeat(20);
    vec![
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(ids.iter().map(|id| some(id, 1).then(|| COUNTRIES[pick(id)])).collect::<StringArray>()),
        Arc::new(
            ids.iter()
                .map(|id| {
                    some(id, 2).then(|| if id % 5 == 0 { format!("{long}{id}") } else { format!("n{}ä", id % 50) })
                })
                .collect::<StringViewArray>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 3).then(|| [-2_147_483_600, i32::MAX, -1, 0, 5, 123, -456, 789][pick(id)]))
                .collect::<Int32Array>(),
        ),
        Arc::new(
            ids.iter().map(|id| some(id, 4).then(|| i16::try_from(id % 30_000).unwrap() - 5)).collect::<Int16Array>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| {
                    some(id, 5)
                        .then(|| [0.0, -0.0, f32::NAN, f32::INFINITY, f32::MIN, 1.5, 0.1, f32::MIN_POSITIVE][pick(id)])
                })
                .collect::<Float32Array>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| {
                    let values =
                        [0.1, -0.0, f64::NAN, f64::NEG_INFINITY, f64::MAX, 1e-300, 5.0, id.count_ones().into()];
                    some(id, 6).then(|| values[pick(id)])
                })
                .collect::<Float64Array>(),
        ),
        Arc::new(ids.iter().map(|id| some(id, 7).then_some(id % 3 == 0)).collect::<BooleanArray>()),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 8).then(|| [&[][..], &[0, 255], b"abc", &[128; 90]][pick(id) % 4].to_vec()))
                .collect::<BinaryArray>(),
        ),
        Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                ids.iter().map(|id| {
                    some(id, 9)
                        .then(|| uuid::Uuid::from_u128(u128::from(id.unsigned_abs()) << 100 | 0xfeed).into_bytes())
                }),
                16,
            )
            .unwrap(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 10).then(|| [-1, 0, 1, 19_782, -719_162, 2_932_896, 365, -366][pick(id)]))
                .collect::<Date32Array>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 11).then(|| [0, 1_000, 86_399_999_999_000, 3_600_000_000_000][pick(id) % 4]))
                .collect::<Time64NanosecondArray>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| {
                    // Around 1970, where the days of negative milliseconds are easily got wrong, and far from it.
                    let near = (id % 10 - 5) * DAY_MS / 2 - 1;
                    some(id, 12).then(|| if id % 11 == 0 { -62_135_596_800_000 } else { near })
                })
                .collect::<TimestampMillisecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(
            ids.iter().map(|id| some(id, 13).then_some(id * 1_000_003 - 7)).collect::<TimestampMicrosecondArray>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 14).then(|| i128::from(*id) * 1_001 - 500))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(20, 3)
                .unwrap(),
        ),
        Arc::new(ids.iter().map(|_| None::<&str>).collect::<StringArray>()),
    ]
}

/// Each operator on each type.
pub(crate) fn conditions() -> Vec<String> {
    let values = [
        ("id", "100"),
        ("i", "5"),
        ("i", "-1"),
        ("small", "20"),
        ("f", "1.5"),
        ("f", "'NaN'"),
        ("g", "-0.0"),
        ("g", "0.1"),
        ("country", "'Chile'"),
        ("country", "''"),
        ("country", "'../../etc'"),
        ("name", "'n7ä'"),
        ("name", "'long text'"),
        ("b", "true"),
        ("bin", "x'00ff'"),
        ("d", "DATE '1970-01-01'"),
        ("d", "DATE '1969-12-31'"),
        ("t", "TIME '01:00:00'"),
        ("ts", "TIMESTAMP '1970-01-01T00:00:00Z'"),
        ("ts", "TIMESTAMP '1969-12-30T23:59:59.999Z'"),
        ("plain", "TIMESTAMP '1970-01-01T00:00:10'"),
        ("dec", "9.509"),
    ];
    let mut conditions = Vec::new();
    for (column, value) in values {
        for op in ["=", "<", "<=", ">", ">=", "<>"] {
            conditions.push(format!("{column} {op} {value}"));
        }
        conditions.push(format!("{value} < {column}"));
        conditions.push(format!("NOT ({column} = {value})"));
    }
    let columns = ["id", "country", "name", "i", "f", "g", "b", "bin", "u", "d", "t", "ts", "plain", "dec", "nothing"];
    for column in columns {
        conditions.push(format!("{column} IS NULL"));
        conditions.push(format!("{column} IS NOT NULL"));
    }
    let others = [
        "id IN (1, 2, 3, 300, 1000)",
        "id IN (7)",
        "id NOT IN (1, 2, 3)",
        "country IN ('Chile', 'Peru', '日本', 'x', '')",
        "country IN ('Chile', 'Peru')",
        "country IN ('Chile', NULL)",
        "country LIKE 'C%'",
        "id BETWEEN 10 AND 20",
        "id < 100 AND country = 'Peru' AND i > 0",
        "id < 10 OR country = 'Peru'",
        "id < 10 OR f > 1",
        "NOT (id < 10 AND abs(i) > 5)",
        "NOT (id < 10 OR country = 'Peru')",
        "CAST(i AS BIGINT) = 5",
        "CAST(id AS VARCHAR) = '5'",
        "CAST(g AS VARCHAR) = '0.1'",
        "id + 1 = 5",
        "b",
        "NOT b",
        "b IS TRUE",
        "country = name",
        "date_trunc('day', ts) = TIMESTAMP '1970-01-01T00:00:00Z'",
        "ts >= TIMESTAMP '1969-12-31T00:00:00Z' AND ts < TIMESTAMP '1970-01-02T00:00:00Z'",
        "false",
        "country = 'nowhere'",
        "u = arrow_cast(x'00000000700000000000000000000feed', 'FixedSizeBinary(16)') OR id = 3",
        "country = 'Chile' AND nothing IS NULL",
    ];
    // An odd number of hex digits is no literal.
    conditions.extend(
        others.map(|c| c.replace("x'00000000700000000000000000000feed'", "x'0000007000000000000000000000feed'")),
    );
    conditions
}
