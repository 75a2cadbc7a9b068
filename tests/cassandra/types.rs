//! Nested types, Java classes and empty values: what CQL wrote is what is read, and what is written is what CQL reads.

use crate::common::{TestKeyspace, assert_same_tables, error_of, fingerprint, number, plan, run, session, sorted_rows};
use futures::TryStreamExt;

/// Two tables of all kinds of types, `source` with values and `copy` empty.
pub(crate) async fn two_tables() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TYPE {ks}.phone (country int, number text)").await;
    ks.run(
        "CREATE TYPE {ks}.\"Address\" (street text, \"Zip Code\" int, phones frozen<map<text, frozen<phone>>>, id uuid)",
    )
    .await;
    for table in ["source", "copy"] {
        ks.run(&format!(
            "CREATE TABLE {{ks}}.{table} (k int, c frozen<list<int>>, l list<text>, s set<int>, fs frozen<set<uuid>>, \
             t tuple<int, text, frozen<list<double>>>, u phone, fu frozen<\"Address\">, v vector<float, 3>, \
             vt vector<text, 2>, vv vector<vector<smallint, 2>, 2>, ll list<frozen<list<frozen<phone>>>>, \
             st set<frozen<tuple<date, time>>>, i list<inet>, n list<varint>, d frozen<set<decimal>>, \
             m map<text, int>, fm frozen<map<int, frozen<map<text, timestamp>>>>, PRIMARY KEY (k, c))"
        ))
        .await;
    }
    ks.run(
        "INSERT INTO {ks}.source (k, c, l, s, fs, t, u, fu, v, vt, vv, ll, st, i, n, d, m, fm) VALUES (1, [3, 1, 2], \
         ['b', '', 'a'], {3, -1}, {123e4567-e89b-12d3-a456-426614174000}, (1, 'x', [1.5, -0.0]), \
         {country: 49, number: '30'}, {street: 'Rue', \"Zip Code\": 12345, phones: {'home': {country: 1, number: '2'}}, \
         id: 123e4567-e89b-12d3-a456-426614174000}, [1.5, 0, -2], ['', 'bc'], [[1, 2], [-3, 4]], \
         [[{country: 1, number: 'x'}, {number: 'y'}], []], {('2020-02-29', '23:59:59.999999999')}, \
         ['127.0.0.1', '::1'], [1, 123456789012345678901234567890], {1.50, -1}, {'b': 2, 'a': 1}, \
         {7: {'t': '1969-12-31 23:59:59.999+0000'}})",
    )
    .await;
    // Nothing, and as little as there can be.
    ks.run("INSERT INTO {ks}.source (k, c) VALUES (2, [])").await;
    ks.run(
        "INSERT INTO {ks}.source (k, c, l, fs, t, u, fu, ll, fm) VALUES (3, [0], [], {}, (null, null, null), \
         {country: null}, {street: null}, [], {})",
    )
    .await;
    ks
}

const COLUMNS: &str = "k, c, l, s, fs, t, u, fu, v, vt, vv, ll, st, i, n, d, m, fm";

#[tokio::test(flavor = "multi_thread")]
async fn nested_values_are_read_and_written_back() {
    let ks = two_tables().await;
    let session = session();
    let rows = sorted_rows(&session, &ks.sql(&format!("SELECT {COLUMNS} FROM {{ks}}.source"))).await;
    let expected = [
        "1|[3, 1, 2]|[b, , a]|[-1, 3]|[123e4567e89b12d3a456426614174000]|{_1: 1, _2: x, _3: [1.5, -0.0]}|\
         {country: 49, number: 30}|{street: Rue, Zip Code: 12345, phones: {home: {country: 1, number: 2}}, \
         id: 123e4567e89b12d3a456426614174000}|[1.5, 0.0, -2.0]|[, bc]|[[1, 2], [-3, 4]]|\
         [[{country: 1, number: x}, {country: NULL, number: y}], []]|[{_1: 2020-02-29, _2: 23:59:59.999999999}]|\
         [127.0.0.1, ::1]|[1, 123456789012345678901234567890]|[-1, 1.50]|{a: 1, b: 2}|\
         {7: {t: 1969-12-31T23:59:59.999Z}}",
        // Cassandra keeps empty collections only if they are frozen, and user-defined types without values as well.
        "2|[]|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL",
        "3|[0]|NULL|NULL|[]|{_1: NULL, _2: NULL, _3: NULL}|NULL|\
         {street: NULL, Zip Code: NULL, phones: NULL, id: NULL}|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|{}",
    ];
    assert_eq!(rows, expected);

    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.source")).await, 3);
    let of = |table: &str| format!("SELECT * FROM {{ks}}.{table}");
    assert_eq!(fingerprint(&ks, &of("copy")).await, fingerprint(&ks, &of("source")).await);
    assert_eq!(sorted_rows(&session, &ks.sql(&format!("SELECT {COLUMNS} FROM {{ks}}.copy"))).await, rows);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_columns_can_be_compared_and_taken_apart() {
    let ks = two_tables().await;
    let session = session();
    run(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.source")).await.unwrap();
    // DataFusion compares rows of all types but maps.
    let without_maps = "k, c, l, s, fs, t, u, v, vt, vv, ll, st, i, n, d";
    for (one, other) in [("source", "copy"), ("copy", "source")] {
        let of = |table: &str| format!("SELECT {without_maps} FROM {{ks}}.{table}");
        let sql = ks.sql(&format!("SELECT count(*) FROM ({} EXCEPT ALL {})", of(one), of(other)));
        assert_eq!(number(&session, &sql).await, 0, "{sql}");
    }
    let answers = [
        ("SELECT l[1], m['b'], u['number'], fu['Zip Code'], v[3] FROM {ks}.source WHERE k = 1", "b|2|30|12345|-2.0"),
        (
            "SELECT cardinality(s), array_has(l, 'a'), fu['phones']['home']['number'] FROM {ks}.source WHERE k = 1",
            "2|true|2",
        ),
        ("SELECT sum(x) FROM (SELECT unnest(s) AS x FROM {ks}.source)", "2"),
    ];
    for (sql, expected) in answers {
        assert_eq!(sorted_rows(&session, &ks.sql(sql)).await, [expected], "{sql}");
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_sql_are_written() {
    let ks = two_tables().await;
    let session = session();
    let insert = "INSERT INTO {ks}.copy (k, c, l, s, t, u, v, vt, m, fs) VALUES (9, make_array(1, 2), \
                  make_array('a', 'b'), [3, 3, 1], named_struct('_1', 1, '_2', 'x', '_3', make_array(1.5)), \
                  named_struct('number', '30', 'country', 49), [1, 2, 3], ['a', 'b'], map(['x', 'y'], [1, 2]), \
                  make_array(arrow_cast(decode('123e4567e89b12d3a456426614174000', 'hex'), 'FixedSizeBinary(16)')))";
    run(&session, &ks.sql(insert)).await.unwrap();
    let rows = sorted_rows(&session, &ks.sql("SELECT k, c, l, s, t, u, v, vt, m, fs FROM {ks}.copy")).await;
    assert_eq!(
        rows,
        ["9|[1, 2]|[a, b]|[1, 3]|{_1: 1, _2: x, _3: [1.5]}|{country: 49, number: 30}|[1.0, 2.0, 3.0]|[a, b]|\
          {x: 1, y: 2}|[123e4567e89b12d3a456426614174000]"]
    );
    let errors = [
        ("INSERT INTO {ks}.copy (k, c, l) VALUES (1, [1], ['a', NULL])", "element 2, \"\" as text: it is null"),
        ("INSERT INTO {ks}.copy (k, c, l) VALUES (1, NULL, ['a'])", "a column of the primary key is null"),
        // DataFusion's own errors, from the casts it puts in front of what cbulk sees.
        ("INSERT INTO {ks}.copy (k, c, v) VALUES (1, [1], [1, 2])", ""),
        ("INSERT INTO {ks}.copy (k, c, u) VALUES (1, [1], named_struct('nummer', 'x'))", ""),
    ];
    for (sql, expected) in errors {
        let error = error_of(&session, &ks.sql(sql)).await;
        assert!(error.contains(expected), "{sql}: {error}");
    }
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.copy")).await, 1);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_defined_type_may_grow() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TYPE {ks}.u (a int)").await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, u frozen<u>, l list<frozen<u>>)").await;
    ks.run("INSERT INTO {ks}.t (k, u, l) VALUES (1, {a: 1}, [{a: 1}])").await;
    let session = session();
    let sql = ks.sql("SELECT * FROM {ks}.t");
    assert_eq!(sorted_rows(&session, &sql).await, ["1|[{a: 1}]|{a: 1}"]);
    let planned = plan(&session, &sql).await;
    ks.run("ALTER TYPE {ks}.u ADD b text").await;
    let stream = planned.execute().unwrap();
    let error = stream.try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(error.contains("the table was changed since the statement was planned"), "{error}");
    assert!(error.contains("u (a int)") && error.contains("u (a int, b text)"), "{error}");
    // The value was written before there was a field b.
    assert_eq!(sorted_rows(&session, &sql).await, ["1|[{a: 1, b: NULL}]|{a: 1, b: NULL}"]);
    run(&session, &ks.sql("INSERT INTO {ks}.t SELECT 2, l, u FROM {ks}.t")).await.unwrap();
    assert_eq!(sorted_rows(&session, &sql).await[1], "2|[{a: 1, b: NULL}]|{a: 1, b: NULL}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn java_classes_are_read_as_bytes() {
    let ks = TestKeyspace::create().await;
    let class = "org.apache.cassandra.db.marshal";
    ks.run(&format!(
        "CREATE TABLE {{ks}}.t (k int PRIMARY KEY, c '{class}.DynamicCompositeType(s=>{class}.UTF8Type)', \
         e '{class}.EmptyType', l list<'{class}.LexicalUUIDType'>, \"Other\" int)"
    ))
    .await;
    ks.run("INSERT INTO {ks}.t (k, c, l, \"Other\") VALUES (1, 's@hello', [0x000102030405060708090a0b0c0d0e0f], 7)")
        .await;
    let session = session();
    assert_eq!(
        sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.t")).await,
        ["1|7|8073000568656c6c6f00|NULL|[000102030405060708090a0b0c0d0e0f]"]
    );
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT \"Other\" FROM {ks}.t")).await, ["7"]);
    let warnings = plan(&session, &ks.sql("SELECT l, k FROM {ks}.t WHERE c IS NULL ORDER BY k")).await.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("column c of") && warnings[0].contains("read as their bytes"), "{warnings:?}");
    assert!(plan(&session, &ks.sql("SELECT k FROM {ks}.t")).await.warnings().is_empty());
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 1);
    run(&session, &ks.sql("INSERT INTO {ks}.t (k, \"Other\") VALUES (2, 8)")).await.unwrap();
    let error = error_of(&session, &ks.sql("INSERT INTO {ks}.t SELECT * FROM {ks}.t")).await;
    assert!(error.contains("column c of type") && error.contains("leave the column out"), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_values_are_an_error_or_null() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, i int, b bigint, u uuid, d decimal, t text, o boolean)").await;
    ks.run(
        "INSERT INTO {ks}.t (k, i, b, u, d, t, o) VALUES (1, blobAsInt(0x), blobAsBigint(0x), blobAsUuid(0x), \
         blobAsDecimal(0x), '', blobAsBoolean(0x))",
    )
    .await;
    let session = session();
    let sql = ks.sql("SELECT * FROM {ks}.t");
    let error = error_of(&session, &sql).await;
    assert!(error.contains("is empty (no bytes, yet not null)"), "{error}");
    assert!(error.contains("SET cassandra.empty_values = 'null'"), "{error}");
    run(&session, "SET cassandra.empty_values = 'null'").await.unwrap();
    assert_eq!(sorted_rows(&session, &sql).await, ["1|NULL|NULL|NULL|NULL||NULL"]);
    let error = error_of(&session, "SET cassandra.empty_values = 'zero'").await;
    assert!(error.contains("'zero' is not a treatment of empty values: write one of error, null"), "{error}");
    assert_eq!(sorted_rows(&session, "SHOW cassandra.empty_values").await, ["cassandra.empty_values|null"]);
    ks.drop_it().await;
}

/// Where Arrow has no exact type, another one can be chosen, and what it cannot hold is told or treated as was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_durations_are_read_as_was_chosen() {
    let ks = TestKeyspace::create().await;
    for table in ["t", "copy"] {
        let columns = "k int PRIMARY KEY, d decimal, v varint, m map<text, frozen<list<decimal>>>, w duration";
        ks.run(&format!("CREATE TABLE {{ks}}.{table} ({columns})")).await;
    }
    ks.run("INSERT INTO {ks}.t (k, d, v, m, w) VALUES (1, 1.5, 12, {'a': [2.25]}, 1y2mo3d4h5ns)").await;
    let session = session();
    for set in ["decimal_as = 'decimal(6, 2)'", "varint_as = 'decimal(38)'", "duration_as = 'text'"] {
        run(&session, &format!("SET cassandra.{set}")).await.unwrap();
    }
    assert_eq!(sorted_rows(&session, "SHOW cassandra.varint_as").await, ["cassandra.varint_as|decimal(38, 0)"]);
    let of = |table: &str| ks.sql(&format!("SELECT k, d, v, m, w FROM {{ks}}.{table}"));
    let row = "1|1.50|12|{a: [2.25]}|1y2mo3d4h5ns";
    assert_eq!(sorted_rows(&session, &of("t")).await, [row]);
    let sum = ks.sql("SELECT sum(d) + 1, max(v), arrow_typeof(d) FROM {ks}.t GROUP BY d");
    assert_eq!(sorted_rows(&session, &sum).await, ["2.50|12|Decimal128(6, 2)"]);

    // The way back.
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.t")).await, 1);
    assert_eq!(sorted_rows(&session, &of("copy")).await, [row]);

    ks.run("INSERT INTO {ks}.t (k, d) VALUES (2, 1.239)").await;
    let error = error_of(&session, &ks.sql("SELECT * FROM {ks}.t")).await;
    for part in ["1.239 is no decimal(6, 2)", "SET cassandra.decimal_as", "column: d", "primary key: k=2", ".t"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let numbers = ks.sql("SELECT k, d FROM {ks}.t");
    run(&session, "SET cassandra.decimal_overflow = 'clamp'").await.unwrap();
    assert_eq!(sorted_rows(&session, &numbers).await, ["1|1.50", "2|1.24"]);
    run(&session, "SET cassandra.decimal_overflow = 'null'").await.unwrap();
    assert_eq!(sorted_rows(&session, &numbers).await, ["1|1.50", "2|NULL"]);

    // The choice of the time of looking up, also for external tables.
    run(&session, &ks.sql("CREATE VIEW v AS SELECT d FROM {ks}.t WHERE k = 1")).await.unwrap();
    run(&session, "SET cassandra.decimal_as = 'text'").await.unwrap();
    assert_eq!(sorted_rows(&session, &numbers).await, ["1|1.5", "2|1.239"]);
    assert_eq!(sorted_rows(&session, "SELECT arrow_typeof(d) FROM v").await, ["Decimal128(6, 2)"]);
    let location = ks.sql("LOCATION '{ks}.t' OPTIONS (decimal_as 'decimal(10, 3)')");
    run(&session, &format!("CREATE EXTERNAL TABLE e STORED AS CASSANDRA {location}")).await.unwrap();
    assert_eq!(sorted_rows(&session, "SELECT k, d FROM e").await, ["1|1.500", "2|1.239"]);
    let error = error_of(&session, "SET cassandra.decimal_as = 'double'").await;
    assert!(error.contains("'double' is not a representation of numbers: write text, or decimal(p, s)"), "{error}");
    ks.drop_it().await;
}

/// All that a node has for itself, virtual tables too.
#[tokio::test(flavor = "multi_thread")]
async fn every_system_table_can_be_selected() {
    let session = session();
    let mut failures = Vec::new();
    let mut tables = 0;
    for schema in ["system_schema", "system_virtual_schema"] {
        let named =
            format!("SELECT keyspace_name, table_name FROM {schema}.tables WHERE starts_with(keyspace_name, 'system')");
        for row in sorted_rows(&session, &named).await {
            let (keyspace, table) = row.split_once('|').unwrap();
            tables += 1;
            let sql = format!("SELECT * FROM {keyspace}.\"{table}\"");
            if let Err(error) = run(&session, &sql).await {
                failures.push(format!("{sql}: {error}"));
            }
        }
    }
    assert!(tables > 60, "{tables}");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    let tokens = sorted_rows(&session, "SELECT cardinality(tokens) > 0 FROM system.local").await;
    assert_eq!(tokens, ["true"]);
    let caching = "SELECT caching['keys'] FROM system_schema.tables WHERE keyspace_name = 'system' LIMIT 1";
    assert_eq!(sorted_rows(&session, caching).await, ["ALL"]);
}

/// Without maps, the two halves of the usual comparison work.
#[tokio::test(flavor = "multi_thread")]
async fn collections_of_every_scalar_return() {
    let ks = TestKeyspace::create().await;
    let values = [
        ("ascii", "'a'"),
        ("text", "'ä'"),
        ("tinyint", "-128"),
        ("smallint", "-32768"),
        ("int", "7"),
        ("bigint", "-9223372036854775808"),
        ("varint", "-129"),
        ("decimal", "1.50"),
        ("float", "1.5"),
        ("double", "NaN"),
        ("boolean", "true"),
        ("blob", "0xcafe"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
        ("timeuuid", "50554d6e-29bb-11e5-b345-feff819cdc9f"),
        ("inet", "'::1'"),
        ("date", "'-4712-01-01'"),
        ("time", "'23:59:59.999999999'"),
        ("timestamp", "'1969-12-31 23:59:59.999+0000'"),
        ("duration", "1mo2d3ns"),
    ];
    let columns: Vec<String> =
        values.iter().map(|(t, _)| format!("l_{t} list<{t}>, v_{t} vector<{t}, 2>, t_{t} tuple<{t}, {t}>")).collect();
    for table in ["source", "copy"] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} (k int PRIMARY KEY, {})", columns.join(", "))).await;
    }
    let names: Vec<String> = values.iter().map(|(t, _)| format!("l_{t}, v_{t}, t_{t}")).collect();
    let cells: Vec<String> = values.iter().map(|(_, v)| format!("[{v}], [{v}, {v}], ({v}, {v})")).collect();
    ks.run(&format!("INSERT INTO {{ks}}.source (k, {}) VALUES (1, {})", names.join(", "), cells.join(", "))).await;
    let session = session();
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.source")).await, 1);
    assert_same_tables(&ks, &session, "{ks}.source", "{ks}.copy").await;
    ks.drop_it().await;
}
