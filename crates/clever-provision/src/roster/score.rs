//! How certain it is that a newcomer is somebody who left, by a linkage of both.

use std::collections::BTreeMap;

use clever_linkage::{
    FieldConfig, Kind, Linkage, MatchConfig, PeopleBuilder, Run, Side, SideConfig,
};
use clever_model::UserId;

use super::FollowError;
use crate::directory::{AccountId, Candidate, candidates};
use crate::store::Facts;
use crate::subject::Person;

/// The fields that are compared.
const FIELDS: [(&str, Kind); 6] = [
    ("sis", Kind::SisId),
    ("number", Kind::StudentNumber),
    ("state", Kind::StateId),
    ("first", Kind::GivenName),
    ("last", Kind::FamilyName),
    ("born", Kind::Date),
];

fn values(facts: &Facts) -> [String; FIELDS.len()] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let birth = facts
        .birth
        .map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"));
    [
        facts.sis_ids.first().cloned().unwrap_or_default(),
        text(&facts.student_number),
        text(&facts.state_id),
        text(&facts.first),
        text(&facts.last),
        birth.unwrap_or_default(),
    ]
}

/// Compares newcomers with the accounts of one district whose people are not in its roster.
///
/// The result has each newcomer's candidates with their scores. Both sides are of one district, which governs or
/// once had all of these accounts; whether it reaches one is for the decision.
pub(super) fn scores(
    accounts: &[(AccountId, Facts)],
    newcomers: &[&Person],
) -> Result<BTreeMap<UserId, Vec<Candidate>>, FollowError> {
    let failed = |error: String| FollowError::Score(error);
    let side = || SideConfig {
        id: "id".to_owned(),
    };
    let field = |(name, kind): (&str, Kind)| FieldConfig {
        name: name.to_owned(),
        kind,
        left: None,
        right: None,
        scope: None,
    };
    let config = MatchConfig {
        left: side(),
        right: side(),
        field: FIELDS.into_iter().map(field).collect(),
        block: Vec::new(),
        block_limit: 200,
        least: MatchConfig::LEAST,
    };
    let mut people = PeopleBuilder::new(config).map_err(|error| failed(error.to_string()))?;
    // An account may be known from several records; each is one row.
    for (row, (_, facts)) in accounts.iter().enumerate() {
        let values = values(facts);
        people
            .push(
                Side::Left,
                &row.to_string(),
                values.iter().map(String::as_str),
            )
            .map_err(|error| failed(error.to_string()))?;
    }
    for person in newcomers {
        let values = values(&Facts::from(*person));
        people
            .push(
                Side::Right,
                person.id.as_str(),
                values.iter().map(String::as_str),
            )
            .map_err(|error| failed(error.to_string()))?;
    }
    let people = people.finish().map_err(|error| failed(error.to_string()))?;
    let linkage = Linkage::new(people);
    let run = Run::default();
    let model = linkage.train(&run);
    let comparison = linkage
        .compare(&model, &run)
        .map_err(|error| failed(error.to_string()))?;
    let mut all = BTreeMap::new();
    for matches in &comparison.all {
        let Ok(id) = UserId::new(comparison.right_id(matches)) else {
            continue;
        };
        let found = candidates(&comparison, matches).into_iter();
        let found = found.filter_map(|mut one| {
            let row: usize = one.account.as_str().parse().ok()?;
            one.account = accounts.get(row)?.0.clone();
            Some(one)
        });
        all.insert(id, found.collect());
    }
    Ok(all)
}
