//! Pure parts: names, partitioning, conversions, predicates.
