//! Names of keyspaces of tests, which the guard against left-over ones knows too.

/// Names of keyspaces of tests begin with it; a test at the end of the run fails if one is left.
pub(crate) const KEYSPACE_PREFIX: &str = "cbulk_test_";

/// The one keyspace whose name has to be another, because it is a reserved word and needs quotes.
pub(crate) const RESERVED_KEYSPACE: &str = "Select";
