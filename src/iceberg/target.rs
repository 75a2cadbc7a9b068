//! The table a statement writes to: one that is there, or one that the statement makes when its rows are written.

use std::collections::HashMap;
use std::sync::Arc;

use ::iceberg::spec::{
    PartitionSpec, Schema, TableMetadata, TableMetadataBuilder, TableMetadataRef, UnboundPartitionSpec,
};
use ::iceberg::{TableCreation, TableIdent};
use datafusion::arrow::datatypes::Fields;

use super::error::failed;
use super::store::Store;
use super::{partitioning, types};
use crate::error::{Error, Result};

/// The option of `CREATE TABLE … WITH (…)` with the partition transforms.
pub(crate) const OPTION_PARTITIONING: &str = "partitioning";

/// The options of `CREATE TABLE … WITH (…)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CreateOptions {
    partitioning: Option<String>,
}

impl CreateOptions {
    const NAMES: [&str; 1] = [OPTION_PARTITIONING];

    /// Sets one option.
    ///
    /// # Errors
    /// An unknown name, or one that was set before.
    pub(crate) fn set(&mut self, name: &str, value: String) -> Result<()> {
        match name {
            OPTION_PARTITIONING if self.partitioning.is_none() => self.partitioning = Some(value),
            OPTION_PARTITIONING => return Err(Error::config(format!("option {name} is given twice"))),
            _ => {
                return Err(Error::config(format!(
                    "'{name}' is not an option of an Iceberg table: write {}",
                    Self::NAMES.join(", ")
                )));
            }
        }
        Ok(())
    }
}

/// What a table is made from.
#[derive(Debug, Clone)]
pub(crate) struct NewTable {
    ident: TableIdent,
    location: String,
    schema: Schema,
    spec: UnboundPartitionSpec,
    properties: HashMap<String, String>,
}

impl NewTable {
    /// A table with these columns.
    ///
    /// # Errors
    /// Columns or options that Iceberg cannot have.
    pub(crate) fn new(store: &Store, ident: TableIdent, fields: &Fields, options: &CreateOptions) -> Result<Self> {
        let schema = types::table_schema(fields)?;
        let spec = match &options.partitioning {
            Some(text) => partitioning::parse(text, &schema)?,
            None => PartitionSpec::unpartition_spec().into_unbound(),
        };
        Ok(Self { location: store.location(&ident)?, ident, schema, spec, properties: types::table_properties(fields) })
    }

    pub(crate) fn ident(&self) -> &TableIdent {
        &self.ident
    }

    /// The order to the catalog.
    pub(crate) fn creation(&self) -> TableCreation {
        TableCreation::builder()
            .name(self.ident.name().to_owned())
            .location(self.location.clone())
            .schema(self.schema.clone())
            .partition_spec(self.spec.clone())
            .properties(self.properties.clone())
            .build()
    }

    /// The metadata that the catalog will write, but for the table's id: the same field ids, the same partition spec.
    fn metadata(&self) -> Result<TableMetadata> {
        TableMetadataBuilder::from_table_creation(self.creation())
            .and_then(TableMetadataBuilder::build)
            .map(|built| built.metadata)
            .map_err(|e| failed(format!("make table {}", self.ident), &e))
    }
}

/// Where a statement writes.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) store: Arc<Store>,
    pub(crate) ident: TableIdent,
    pub(crate) metadata: TableMetadataRef,
    /// How to make the table, if it is not there yet.
    pub(crate) new: Option<NewTable>,
}

impl Target {
    pub(crate) fn existing(store: Arc<Store>, ident: TableIdent, metadata: TableMetadataRef) -> Self {
        Self { store, ident, metadata, new: None }
    }

    pub(crate) fn new(store: Arc<Store>, new: NewTable) -> Result<Self> {
        let metadata = Arc::new(new.metadata()?);
        Ok(Self { store, ident: new.ident().clone(), metadata, new: Some(new) })
    }
}
