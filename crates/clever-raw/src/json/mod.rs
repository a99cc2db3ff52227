//! Bodies of answers as JSON: as text whatever its bytes are (`text`), split into records in one pass (`page`, `strict`,
//! `scan`) or by the parser (`answer`), with their links and counts, or as a tree (`tree`, `parse`). `plain` finds the end of a
//! text.

mod answer;
mod count;
pub mod envelope;
mod fault;
mod links;
pub mod page;
mod parse;
mod plain;
mod scan;
mod strict;
pub mod text;
pub mod tree;
