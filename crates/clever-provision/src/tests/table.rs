//! The decision table as data: which row, and what may come of it for whom. The documents' table is
//! written from this, and every decision is held against it.

use std::fmt::Write as _;

use crate::rule::{Outcome, Rule};
use crate::subject::Class;

use Outcome::{Ask, Create, CreateAndPark, Link, LogIn, Merge, Refuse, Review};

impl Rule {
    /// Every row, in the order in which they are tried.
    pub(super) const ALL: [Self; 20] = [
        Self::R0,
        Self::R1d,
        Self::R1c,
        Self::R1b,
        Self::R9,
        Self::R1a,
        Self::R1,
        Self::R2,
        Self::R3,
        Self::R4,
        Self::R5,
        Self::R5a,
        Self::R5b,
        Self::R5c,
        Self::R6,
        Self::R7,
        Self::R8,
        Self::R10,
        Self::R11,
        Self::Tie,
    ];

    /// When the row applies, in words.
    pub(super) const fn condition(self) -> &'static str {
        match self {
            Self::R0 => {
                "district not connected, no role or roles that never meet, class not served, Library blocked"
            }
            Self::R1 => "Clever id opens one account, or one merged into it",
            Self::R1a => "… archived because its person had left",
            Self::R1b => "… suspended by an admin",
            Self::R1c => "… of another class: should not happen; alarm",
            Self::R1d => {
                "Clever id opens two standing accounts, or its trail of merges breaks: alarm"
            }
            Self::R2 => "an id from before v3, in the same verified answer, opens an account",
            Self::R3 => {
                "fresh proof of one account, by its holder with the purpose *link* or by an admin"
            }
            Self::R4 => {
                "one rival, never entered, in reach; id of the same district equal, names agree, nothing contradicts"
            }
            Self::R5 => "the same, but entered; policy `managed_auto`",
            Self::R5a => {
                "one rival, in reach as in R4 or R5; its score is `auto_millibits` or more, nothing contradicts, no sibling fits; policy `score_auto`"
            }
            Self::R5b => {
                "one rival, in reach as in R4 or R5; both names agree, and so do the school with the grade or the one before, or the birth date; nobody else has the names there and they are rare, no id and no birth date is another, nothing contradicts; policy `rare_names_auto`"
            }
            Self::R5c => {
                "one rival, in reach as in R4 or R5; another given or family name, but two ids and the birth date are equal, nobody else has either name, no sibling is known, nothing else contradicts; policy `another_name_auto`"
            }
            Self::R6 => {
                "one rival in reach whose Clever id has left the roster; state's id, or an id of the same district with names and birth, or names and birth with a lead, agree; a link needs the second, or a score of `auto_millibits` or more; policy `id_change_auto`"
            }
            Self::R7 => {
                "rivals in reach, but weaker, contradicted, tied, a sibling fits, or the list is cut"
            }
            Self::R8 => "candidates out of reach only",
            Self::R9 => {
                "fresh proofs of two accounts, the one that the Clever id opens among them; purpose *link*"
            }
            Self::R10 => "no candidate, at a login",
            Self::R11 => "no candidate, in a roster",
            Self::Tie => {
                "another subject of the batch would be linked to the account, or fits it within the margin"
            }
        }
    }

    /// What the row may come to, for a class; at a login, or in a roster.
    pub(super) const fn outcomes(self, class: Class, login: bool) -> &'static [Outcome] {
        match (self, class, login) {
            (Self::R0 | Self::R1b | Self::R1d, ..) => &[Refuse],
            (Self::R1 | Self::R1a, ..) => &[LogIn],
            (Self::R1c | Self::Tie, ..) => &[Review],
            (Self::R2, Class::Employee, true) => &[Link, Ask],
            (Self::R2, Class::Employee, false) => &[Link, Review],
            (Self::R2, _, true) => &[Link, CreateAndPark],
            (Self::R2, _, false) => &[Link, Review],
            (Self::R3, ..) => &[Link],
            (Self::R4 | Self::R5 | Self::R5a | Self::R5b | Self::R5c, Class::Contact, true) => {
                &[CreateAndPark]
            }
            (Self::R4 | Self::R5 | Self::R5a | Self::R5b | Self::R5c, Class::Contact, false) => {
                &[Review]
            }
            (Self::R4 | Self::R5 | Self::R5a | Self::R5b | Self::R5c, ..) => &[Link],
            (Self::R6, Class::Employee, true) => &[Ask, CreateAndPark],
            (Self::R6, Class::Employee | Class::Contact, false) => &[Review],
            (Self::R6, Class::Student, _) => &[Link, CreateAndPark],
            (Self::R6, Class::Contact, true) => &[CreateAndPark],
            (Self::R7, Class::Employee, true) => &[Ask, CreateAndPark],
            (Self::R7, Class::Student, true) => &[CreateAndPark],
            (Self::R7, Class::Contact, _) => &[Create],
            (Self::R7, _, false) => &[Review],
            (Self::R8, Class::Employee, true) => &[Ask, Create],
            (Self::R8, Class::Student, _) => &[Create, CreateAndPark],
            (Self::R8, ..) => &[Create],
            (Self::R9, Class::Employee, _) => &[Merge],
            (Self::R9, ..) => &[],
            (Self::R10, Class::Employee, _) => &[Ask, Create],
            (Self::R10 | Self::R11, ..) => &[Create],
        }
    }
}

impl Outcome {
    const fn words(self) -> &'static str {
        match self {
            LogIn => "log in",
            Link => "link",
            Merge => "merge",
            Ask => "ask",
            Create => "create",
            CreateAndPark => "create and park",
            Review => "review",
            Refuse => "refuse",
        }
    }
}

/// The decision table as Markdown: a row for each rule, in the order in which they are tried.
pub(super) fn decision_table() -> String {
    let mut table = String::from(
        "| Row | When | Employee | Student | Contact |\n| --- | --- | --- | --- | --- |\n",
    );
    for rule in Rule::ALL {
        let _ = write!(table, "| {rule} | {} |", rule.condition());
        for class in Class::ALL {
            let words = |login| {
                let all: Vec<&str> = rule
                    .outcomes(class, login)
                    .iter()
                    .map(|outcome| outcome.words())
                    .collect();
                if all.is_empty() {
                    "–".to_owned()
                } else {
                    all.join(", or ")
                }
            };
            let (login, roster) = match rule {
                Rule::R10 => (words(true), words(true)),
                Rule::R11 | Rule::Tie => (words(false), words(false)),
                _ => (words(true), words(false)),
            };
            if login == roster {
                let _ = write!(table, " {login} |");
            } else {
                let _ = write!(table, " login: {login}; roster: {roster} |");
            }
        }
        table.push('\n');
    }
    table
}
