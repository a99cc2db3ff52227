//! Which of an app's accounts is this Clever person? Decisions about accounts are made here, by proof
//! and by reach, and every one of them can be explained and undone.
//!
//! [`linkage`] compares two files of people, or one with itself.

pub mod linkage;
