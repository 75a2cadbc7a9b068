//! scan
pub mod split;
