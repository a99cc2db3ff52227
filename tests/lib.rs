//! Whole-system stories live in `it/`; this library is empty on purpose.
