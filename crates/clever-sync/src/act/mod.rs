//! Settles what is let through, applies it in one transaction, and takes it back where asked to.

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod findings;
pub(crate) mod forget;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod settle;
pub(crate) mod totals;
pub(crate) mod undo;
pub(crate) mod write;
