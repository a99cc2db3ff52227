//! Whole-system stories, in reading order.
