//! What an app allows beyond the safest. Every knob only tightens or loosens; none opens what proof and
//! reach close.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::subject::Class;

/// An app's policy. The default is the safest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Link to an account that somebody has entered, when the district governs it and all agrees (R5).
    pub managed_auto: bool,
    /// Link to an account that the district governs by the score alone, with no id of the district's equal (R5a).
    pub score_auto: bool,
    /// Link to an account that the district governs by names that nobody else has in the school and grade, or on the birthday (R5b).
    pub rare_names_auto: bool,
    /// Link to an account that the district governs under another given or family name, where two ids and the birth date are
    /// equal (R5c).
    pub another_name_auto: bool,
    /// Follow a student whose Clever id changed to the old account, where number, names and birth agree or the score allows it
    /// (R6).
    pub id_change_auto: bool,
    /// The least score for a link by score, in millibits: 1,000 for each doubling of the odds that it is one person.
    pub auto_millibits: i32,
    /// How far the best candidate must lead, and nobody else of the batch may come near it, in millibits.
    pub margin_millibits: i32,
    /// An account unused for longer says nothing for today's holder of its ids, in days.
    pub idle_limit_days: u32,
    /// Ask an employee for an account from before, once, before one is made.
    pub ask_before_create: bool,
    /// Make accounts at the sync; else at the first login.
    pub create_at_sync: bool,
    /// Classes that the app does not serve.
    pub blocked: BTreeSet<Class>,
    /// Refuse people whom only a teacher shares.
    pub block_library: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            managed_auto: false,
            score_auto: false,
            rare_names_auto: false,
            another_name_auto: false,
            id_change_auto: false,
            auto_millibits: 26_000,
            margin_millibits: 6_000,
            idle_limit_days: 400,
            ask_before_create: true,
            create_at_sync: false,
            blocked: BTreeSet::from([Class::Contact]),
            block_library: false,
        }
    }
}
