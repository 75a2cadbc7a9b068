//! Random tables in Cassandra, and the same rows in memory.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use cbulk::{Session, SessionBuilder};
use datafusion::datasource::MemTable;
use futures::{StreamExt, TryStreamExt, stream};

use super::answer::{self, Answer, Difference, Verdict, answer, compare, count, show};
use super::change::{self, Change, Content};
use super::choices::{Choices, seed_of, simpler};
use super::query::{Check, Query, Tables, random};
use super::table::{Row, Table, domains, exact, quote};
use super::{known, rows, storage};
use crate::common::{TestKeyspace, fingerprint, run, session};

/// Set to anything, all queries are printed, with what came of them.
const SHOW_VARIABLE: &str = "CBULK_FUZZ_SHOW";

/// Statements that write at the same time.
const WRITES: usize = 16;

/// In the place of each query of so many, rows are changed.
const QUERIES_A_CHANGE: u64 = 12;

/// Tries to find a change of some rows, but not of so many that nothing is left for queries.
const CHANGE_TRIES: usize = 4;
const MOST_CHANGED: usize = 12;

/// Queries that the settings of the session stay the same for.
const QUERIES_A_SETTING: u64 = 10;

/// Tries to make a query that has found something simpler.
const SIMPLER_TRIES: usize = 250;

/// Orders of the rows that are tried to tell whether DataFusion's answer depends on it.
const OTHER_ORDERS: u64 = 6;

/// Rows of a batch of such an order: few, as the first pages of a scan have.
const REORDERED_BATCH: usize = 4;

/// What must not change any answer.
const SETTINGS: [(&str, &[&str]); 9] = [
    ("cassandra.splits", &["1", "2", "3", "5", "8", "16"]),
    ("cassandra.lookup_join", &["auto", "on", "off"]),
    ("cassandra.allow_filtering", &["false", "false", "true"]),
    ("cassandra.max_keys", &["100000", "2"]),
    ("cassandra.page_size_rows", &["2000", "100", "7", "3"]),
    ("datafusion.execution.target_partitions", &["1", "2", "4"]),
    ("datafusion.execution.batch_size", &["8192", "16"]),
    ("datafusion.optimizer.prefer_hash_join", &["true", "true", "true", "true", "true", "false"]),
    ("datafusion.optimizer.repartition_joins", &["true", "false"]),
];

/// Two Cassandra tables of random shape with a table of keys for each, in a session at the cluster and in one without.
pub(crate) struct World<'a> {
    seed: u64,
    keyspace: &'a TestKeyspace,
    tables: Tables,
    /// The statements of CQL that made the tables.
    definitions: Vec<String>,
    cassandra: Session,
    /// Reads whole tables, in the order of their tokens each time.
    reader: Session,
    memory: Session,
    /// The same rows in memory and the settings of the session at the cluster: tells what DataFusion's settings alone change,
    /// and what another order of the rows.
    memory_with_settings: Session,
    /// Whether all queries are printed.
    shows: bool,
}

impl<'a> World<'a> {
    pub(crate) async fn create(keyspace: &'a TestKeyspace, seed: u64) -> Self {
        let mut choices = Choices::new(seed);
        let domains = domains(&mut choices);
        let one_partition = SessionBuilder::default().with_setting("datafusion.execution.target_partitions", "1");
        let (memory, memory_with_settings) =
            (one_partition.unwrap().build().unwrap(), SessionBuilder::default().build().unwrap());
        let shows = std::env::var_os(SHOW_VARIABLE).is_some();
        let tables = Tables { cassandra: Vec::new(), keys: Vec::new() };
        let mut this = Self {
            seed,
            keyspace,
            tables,
            definitions: Vec::new(),
            cassandra: session(),
            reader: session(),
            memory,
            memory_with_settings,
            shows,
        };
        run(&this.reader, "SET cassandra.splits = 1").await.unwrap();
        for number in 0..2 {
            let mut table = Table::random(number, &domains, &mut choices);
            // Worlds that are there at the same time share a keyspace.
            table.name = format!("{}_{seed:x}", table.name);
            let schema = this.fill(&mut table, &mut choices).await;
            let keys = this.fill_keys(&table, &schema, number, &mut choices).await;
            this.tables.cassandra.push(table);
            this.tables.keys.push(keys);
        }
        this
    }

    fn full_name(&self, table: &Table) -> String {
        format!("{}.{}", self.keyspace.name, quote(&table.name))
    }

    /// Makes the table, writes its rows and keeps in memory what is read of them. Some of the rows, of their older and newer
    /// versions and of their tombstones are then in an `SSTable`, and the others are not.
    async fn fill(&mut self, table: &mut Table, choices: &mut Choices) -> SchemaRef {
        let full_name = self.full_name(table);
        let types = table.columns.iter().filter_map(|column| column.cql_type.definition(&self.keyspace.name));
        let definitions = types.chain([table.create(&full_name)]).collect::<Vec<_>>();
        for cql in &definitions {
            self.keyspace.run(cql).await;
        }
        self.definitions.extend(definitions);
        let indexes = table.indexes(&full_name, choices);
        let mut statements = rows::statements(table, &full_name, choices);
        choices.shuffle(&mut statements);
        let mut later = statements.split_off(choices.between(0, statements.len()));
        let storage = choices.weighted(&[3, 3, 3]);
        if storage == 0 {
            statements.append(&mut later);
        }
        let built_later = storage == 2 && !indexes.is_empty();
        if !built_later {
            self.index(table, &indexes).await;
        }
        self.write(&statements).await;
        match storage {
            0 => {}
            _ if statements.is_empty() => {}
            // Flushes the table, and reads the SSTable.
            _ if built_later => {}
            _ => storage::flush(self.keyspace, &table.name, &full_name).await,
        }
        if built_later {
            self.index(table, &indexes).await;
        }
        self.write(&later).await;
        self.load(table).await
    }

    /// Makes the indexes that the server allows.
    async fn index(&mut self, table: &Table, indexes: &[String]) {
        for cql in indexes {
            if storage::create_index(self.keyspace, cql).await {
                self.definitions.push(cql.clone());
            } else if self.shows {
                eprintln!("refused: {cql}");
            }
        }
        storage::wait_for_indexes(self.keyspace, &table.name).await;
    }

    async fn write(&self, statements: &[String]) {
        if self.shows {
            eprintln!("{}", statements.join("\n"));
        }
        stream::iter(statements).for_each_concurrent(WRITES, async |cql| self.keyspace.run(cql).await).await;
    }

    /// How many tables have indexes of Cassandra's first kind and SAI ones.
    pub(crate) fn mixed_tables(&self) -> usize {
        let is_mixed = |table: &&Table| {
            let begin = format!("CREATE INDEX ON {} ", self.full_name(table));
            let (sai, legacy): (Vec<&String>, Vec<&String>) = self
                .definitions
                .iter()
                .filter(|cql| cql.starts_with(&begin))
                .partition(|cql| cql.contains("USING 'sai'"));
            !sai.is_empty() && !legacy.is_empty()
        };
        self.tables.cassandra.iter().filter(is_mixed).count()
    }

    /// Keeps in memory what the table holds now.
    async fn load(&self, table: &Table) -> SchemaRef {
        let select = format!("SELECT * FROM {}", self.full_name(table));
        let query = crate::common::plan(&self.reader, &select).await;
        let batches: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
        let read: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(read, fingerprint(self.keyspace, &select).await.0, "{select}");
        for session in [&self.memory, &self.memory_with_settings] {
            register(session, &table.name, &query.schema, batches.clone());
        }
        query.schema
    }

    /// What of the table is kept in memory.
    async fn content(&self, table: &Table) -> Content {
        let batches = crate::common::plan(&self.memory, &format!("SELECT * FROM {}", quote(&table.name))).await;
        let columns = batches.schema.fields().iter().map(|field| field.name().clone()).collect();
        let batches: Vec<RecordBatch> = batches.execute().unwrap().try_collect().await.unwrap();
        Content { columns, rows: batches.iter().flat_map(answer::rows).collect() }
    }

    /// A table of keys in both sessions: some that the table has, some twice, some that it may not have, some null.
    async fn fill_keys(&self, table: &Table, schema: &SchemaRef, number: usize, choices: &mut Choices) -> Table {
        let mut keys = table.of_keys(number, choices.below(3));
        for _ in 0..choices.between(1, 40) {
            let known = !table.rows.is_empty() && choices.chance(70);
            let of_table = if known { choices.pick(&table.rows).clone() } else { Vec::new() };
            let cells = keys.columns.iter().enumerate().map(|(index, column)| {
                if choices.chance(3) {
                    return None;
                }
                let known = if column.name == "note" { None } else { of_table.get(index).cloned().flatten() };
                known.or_else(|| Some(choices.pick(&column.values).clone()))
            });
            let row: Row = cells.collect();
            keys.rows.extend(vec![row; 1 + choices.weighted(&[9, 1])]);
        }
        let rows: Vec<String> = keys
            .rows
            .iter()
            .map(|row| {
                let cells: Vec<String> =
                    keys.columns.iter().zip(row).map(|(column, cell)| exact(column, cell.as_ref())).collect();
                format!("({})", cells.join(", "))
            })
            .collect();
        let names: Vec<String> = keys.columns.iter().map(super::table::Column::quoted).collect();
        let sql = format!("SELECT * FROM (VALUES {}) AS v({})", rows.join(", "), names.join(", "));
        let query = crate::common::plan(&self.memory, &sql).await;
        let batches: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
        // With the CQL types of the key, by which cbulk compares.
        let fields = query.schema.fields().iter().enumerate().map(|(index, field)| {
            let of_key = (field.name() != "note").then(|| schema.field(index).metadata().clone());
            Field::clone(field).with_metadata(of_key.unwrap_or_default())
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batches: Vec<RecordBatch> = batches
            .into_iter()
            .map(|batch| RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap())
            .collect();
        for session in [&self.cassandra, &self.memory, &self.memory_with_settings] {
            register(session, &keys.name, &schema, batches.clone());
        }
        keys
    }

    /// Runs query number `number` of this world, or a change in its place.
    pub(crate) async fn query(&self, number: u64) -> (Verdict, Option<String>) {
        let settings = self.change_settings(number / QUERIES_A_SETTING).await;
        let mut choices = Choices::new(seed_of(self.seed, number));
        if number % QUERIES_A_CHANGE == QUERIES_A_CHANGE - 1 {
            return self.change(number, &settings, &mut choices).await;
        }
        let query = random(&self.tables, &mut choices);
        let (verdict, cassandra, memory) = self.judge(&query).await;
        if self.shows {
            eprintln!("{number} {} {verdict:?}", query.sql.escape_debug());
            for answer in [&cassandra, &memory] {
                if let Answer::Error { message, .. } = answer {
                    eprintln!("    {:.500}", message.replace('\n', " "));
                }
            }
        }
        if let Verdict::OfDataFusion(difference) = &verdict
            && known::cause(&cassandra, &memory).is_none()
        {
            let answers = show(&cassandra, &memory);
            eprintln!(
                "\nwithout Cassandra too, by settings or by the order of rows: {difference:?} differ by {settings}: {}\n{answers}",
                query.sql.escape_debug()
            );
        }
        let Verdict::Different(difference) = &verdict else { return (verdict, None) };
        let simple = self.simplest(choices.made().to_vec(), difference).await.unwrap_or_else(|| query.clone());
        let (_, cassandra, memory) = self.judge(&simple).await;
        let mut text = String::new();
        let (on_cassandra, _) = self.statements(&simple.sql);
        writeln!(text, "{difference:?} differ").unwrap();
        writeln!(text, "  found by  {}", query.sql.escape_debug()).unwrap();
        text += &self.described(&settings);
        writeln!(text, "  {on_cassandra}").unwrap();
        writeln!(text, "  checked as {:?}", simple.check).unwrap();
        text += &show(&cassandra, &memory);
        (verdict, Some(text))
    }

    /// How to make this world, for a reader.
    fn described(&self, settings: &str) -> String {
        let lines = self.definitions.iter().map(String::as_str).chain([settings]);
        lines.map(|line| format!("  {line}\n")).collect()
    }

    /// Deletes or updates rows, and compares what is left with what must be left of the rows in memory.
    async fn change(&self, number: u64, settings: &str, choices: &mut Choices) -> (Verdict, Option<String>) {
        let Some((change, chosen)) = self.small_change(choices).await else {
            return (Verdict::Changed { rows: 0 }, None);
        };
        let table = &self.tables.cassandra[change.table];
        let before = self.content(table).await;
        let sql = self.statements(&change.sql).0;
        let answered = answer(&self.cassandra, &sql).await;
        self.load(table).await;
        let after = self.content(table).await;
        if self.shows {
            eprintln!("{number} {} {answered:?}", change.sql.escape_debug());
        }
        let wrong = |what: &str, text: String| {
            let text = format!("{what}\n{}  {sql}\n{text}", self.described(settings));
            (Verdict::Different(Difference::Rows), Some(text))
        };
        let rows = |rows: Vec<answer::Cells>| Answer::Rows { types: Vec::new(), rows };
        let changed = match (answered, chosen) {
            (Answer::Error { running: false, message }, _) => {
                if count(&before.rows) != count(&after.rows) {
                    let text = show(&rows(after.rows), &rows(before.rows));
                    return wrong("a statement that was refused has changed rows", format!("{message}\n{text}"));
                }
                let is_clear = !message.contains("PANIC") && !message.to_lowercase().contains("internal error");
                return if is_clear { (Verdict::Refused, None) } else { wrong("refused without a reason", message) };
            }
            (Answer::Rows { .. }, _) if change.is_refused() => {
                return wrong("a statement was not refused", String::new());
            }
            (Answer::Error { .. }, Answer::Error { .. }) => return (Verdict::BothFailed, None),
            (failed @ Answer::Error { .. }, chosen) => {
                if known::cause(&failed, &chosen).is_some() {
                    return (Verdict::OfDataFusion(Difference::OnlyCassandraFailed), None);
                }
                return wrong("a statement failed", show(&failed, &chosen));
            }
            (Answer::Rows { .. }, Answer::Error { .. }) => return (Verdict::OneWasSpared, None),
            (Answer::Rows { rows: number, .. }, Answer::Rows { rows: chosen, .. }) => {
                let outcome = change.outcome(table, &before, &chosen);
                let (wanted, found) = outcome.compared(table, &after);
                if count(&wanted) != count(&found) {
                    return wrong("other rows are left", show(&rows(found), &rows(wanted)));
                }
                let wanted = vec![vec![format!("\"{}\"", outcome.changed)]];
                if number != wanted {
                    return wrong("another number of rows was changed", format!("{number:?} instead of {wanted:?}"));
                }
                outcome.changed
            }
        };
        (Verdict::Changed { rows: changed }, None)
    }

    /// A change of a few rows if one is found soon, and which rows these are.
    async fn small_change(&self, choices: &mut Choices) -> Option<(Change, Answer)> {
        let mut found = None;
        for _ in 0..CHANGE_TRIES {
            let change = change::random(&self.tables, choices);
            let chosen = answer(&self.memory, &self.statements(&change.chosen).1).await;
            match &chosen {
                _ if change.is_refused() => return Some((change, chosen)),
                Answer::Rows { rows, .. } if (1..=MOST_CHANGED).contains(&rows.len()) => return Some((change, chosen)),
                Answer::Rows { rows, .. } if rows.len() > MOST_CHANGED => {}
                _ => found = Some((change, chosen)),
            }
        }
        found
    }

    async fn change_settings(&self, number: u64) -> String {
        let mut choices = Choices::new(seed_of(!self.seed, number));
        let settings = SETTINGS.map(|(name, values)| format!("SET {name} = {}", choices.pick(values)));
        run(&self.cassandra, &settings.join("; ")).await.unwrap();
        let of_datafusion: Vec<&String> = settings.iter().filter(|setting| setting.contains("datafusion.")).collect();
        for setting in of_datafusion {
            run(&self.memory_with_settings, setting).await.unwrap();
        }
        settings.join("; ")
    }

    /// The query for each of the sessions.
    fn statements(&self, sql: &str) -> (String, String) {
        let (mut cassandra, mut memory) = (sql.to_owned(), sql.to_owned());
        for table in &self.tables.cassandra {
            cassandra = cassandra.replace(&table.placeholder, &self.full_name(table));
            memory = memory.replace(&table.placeholder, &quote(&table.name));
        }
        (cassandra, memory)
    }

    async fn judge(&self, query: &Query) -> (Verdict, Answer, Answer) {
        let (on_cassandra, in_memory) = self.statements(&query.sql);
        let (cassandra, memory) =
            futures::join!(answer(&self.cassandra, &on_cassandra), answer(&self.memory, &in_memory));
        let all = match &query.check {
            Check::AmongRowsOf(sql) => Some(answer(&self.memory, &self.statements(sql).1).await),
            _ => None,
        };
        let mut verdict = compare(&cassandra, &memory, &query.check, all.as_ref());
        if let Verdict::Different(difference) = verdict
            && known::cause(&cassandra, &memory).is_some()
        {
            verdict = Verdict::OfDataFusion(difference);
        }
        if let Verdict::Different(difference) = verdict
            && self.differs_without_cassandra(&in_memory, &memory, &query.check, all.as_ref()).await
        {
            verdict = Verdict::OfDataFusion(difference);
        }
        (verdict, cassandra, memory)
    }

    /// Whether the same rows in memory give another answer by the settings of the session at the cluster, or in another order.
    async fn differs_without_cassandra(&self, sql: &str, memory: &Answer, check: &Check, all: Option<&Answer>) -> bool {
        let mut differs = false;
        let config = self.memory_with_settings.context().state().config().clone();
        let set = |batch_size: usize, partitions: usize| {
            format!(
                "SET datafusion.execution.batch_size = {batch_size}; SET datafusion.execution.target_partitions = {partitions}"
            )
        };
        for order in 0..=OTHER_ORDERS {
            if order > 0 {
                self.reorder(Some(order)).await;
                run(&self.memory_with_settings, &set(REORDERED_BATCH, 1)).await.unwrap();
            }
            let other = answer(&self.memory_with_settings, sql).await;
            if matches!(compare(&other, memory, check, all), Verdict::Different(_)) {
                differs = true;
                break;
            }
        }
        self.reorder(None).await;
        run(&self.memory_with_settings, &set(config.batch_size(), config.target_partitions())).await.unwrap();
        differs
    }

    /// Shuffles the rows of the session in memory that has the settings, or puts them into their own order again.
    async fn reorder(&self, shuffle: Option<u64>) {
        for table in &self.tables.cassandra {
            let query = crate::common::plan(&self.memory, &format!("SELECT * FROM {}", quote(&table.name))).await;
            let batches: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
            let mut rows = concat_batches(&query.schema, &batches).unwrap();
            if let Some(seed) = shuffle {
                let mut order: Vec<u64> = (0..rows.num_rows() as u64).collect();
                Choices::new(seed).shuffle(&mut order);
                rows = take_record_batch(&rows, &UInt64Array::from(order)).unwrap();
            }
            let starts = (0..rows.num_rows()).step_by(REORDERED_BATCH);
            let batches = starts.map(|start| rows.slice(start, REORDERED_BATCH.min(rows.num_rows() - start)));
            register(&self.memory_with_settings, &table.name, &query.schema, batches.collect());
        }
    }

    /// The simplest query with the same kind of difference that is found by leaving choices away.
    async fn simplest(&self, mut made: Vec<usize>, difference: &Difference) -> Option<Query> {
        let (mut simplest, mut tries) = (None, 0);
        'again: loop {
            for list in simpler(&made) {
                let mut choices = Choices::again(list.clone());
                let query = random(&self.tables, &mut choices);
                tries += 1;
                if tries > SIMPLER_TRIES {
                    return simplest;
                }
                let is_simpler = choices.made().len() < made.len()
                    || choices.made().len() == made.len() && choices.made() < &made[..];
                if is_simpler && matches!(self.judge(&query).await.0, Verdict::Different(d) if d == *difference) {
                    made = choices.made().to_vec();
                    simplest = Some(query);
                    continue 'again;
                }
            }
            return simplest;
        }
    }

    /// Drops the tables: many of them would be too many for a small node.
    pub(crate) async fn drop_it(self) {
        for table in &self.tables.cassandra {
            self.keyspace.run(&format!("DROP TABLE {}", self.full_name(table))).await;
        }
    }
}

/// Puts the rows into a table of the session, in the place of those it had.
fn register(session: &Session, name: &str, schema: &SchemaRef, rows: Vec<RecordBatch>) {
    let table = MemTable::try_new(Arc::clone(schema), vec![rows]).unwrap();
    session.context().deregister_table(quote(name)).unwrap();
    session.context().register_table(quote(name), Arc::new(table)).unwrap();
}
