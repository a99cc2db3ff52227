//! The districts of `world.rs`, matched: precision and recall of each fate over several seeds.

use std::collections::BTreeMap;

use clever_linkage::{Comparison, Linkage, MatchConfig, Matches, PeopleBuilder, Run};
use clever_model::{DistrictId, Role, Timestamp, UserId};
use clever_provision::{
    Account, AccountId, AccountState, Class, Custody, Decision, Directory, Person, Policy, Rule,
    Subject, candidates,
};

use crate::k12::{CONFIG, decided};
use crate::meter::{Cost, measure, peak};
use crate::world::{Fate, Truth, make};

type Failure = Box<dyn std::error::Error>;

/// Links of a fate, over all seeds.
#[derive(Default)]
struct Tally {
    people: u64,
    linked: u64,
    wrong: u64,
    by_rule: BTreeMap<Rule, u64>,
    /// Why the right account was not taken.
    doubts: BTreeMap<String, u64>,
}

fn load(seed: u64, people: u64) -> Result<(Linkage, Truth), Failure> {
    let mut builder = PeopleBuilder::new(toml::from_str::<MatchConfig>(CONFIG)?)?;
    let truth = make(seed, people, |side, row| {
        builder.push(
            side,
            &row.id,
            [
                row.sis.as_str(),
                &row.district,
                &row.number,
                &row.district,
                &row.state,
                &row.email,
                &row.first,
                &row.last,
                &row.born,
                &row.grade,
                &row.school,
            ],
        )
    })?;
    Ok((Linkage::new(builder.finish()?), truth))
}

fn number(id: &str) -> Result<u64, Failure> {
    Ok(id[1..].parse()?)
}

/// An account as the app has it.
fn account(truth: &Truth, id: &AccountId) -> Result<Account, Failure> {
    let number = number(id.as_str())?;
    let of = |district: u32| DistrictId::new(format!("d{district}"));
    let (custody, is_teacher) = if id.as_str().starts_with('z') {
        let (district, is_teacher) = truth.left[&number];
        let custody = match district {
            u16::MAX => Custody::Personal,
            _ => Custody::Managed {
                by: of(district.into())?,
            },
        };
        (custody, is_teacher)
    } else {
        let (fate, district) = (
            truth.fates[number as usize],
            u32::from(truth.districts[number as usize]),
        );
        let custody = match fate {
            Fate::ClassMade => Custody::ClassMade {
                by: UserId::new(format!("t{district}"))?,
            },
            Fate::Transfer => Custody::Managed {
                by: of(district + 10_000)?,
            },
            _ => Custody::Managed { by: of(district)? },
        };
        (custody, fate.is_teacher())
    };
    Ok(Account {
        id: id.clone(),
        version: 1,
        custody,
        class: if is_teacher {
            Class::Employee
        } else {
            Class::Student
        },
        state: AccountState::Active,
        links: Vec::new(),
        methods: Vec::new(),
        last_used: None,
    })
}

fn asked(
    comparison: &Comparison<'_>,
    matches: &Matches,
    truth: &Truth,
) -> Result<(Subject, Directory), Failure> {
    let id = comparison.right_id(matches);
    let number = number(id)? as usize;
    let role = if truth.fates[number].is_teacher() {
        Role::Teacher
    } else {
        Role::Student
    };
    let district = DistrictId::new(format!("d{}", truth.districts[number]))?;
    let subject = Subject::roster(&Person::new(UserId::new(id)?, Some(district), [role]))?;
    let candidates = candidates(comparison, matches);
    let accounts = candidates
        .iter()
        .map(|one| Ok((one.account.clone(), account(truth, &one.account)?)));
    let directory = Directory {
        accounts: accounts.collect::<Result<_, Failure>>()?,
        candidates,
        truncated: matches.cut,
        ..Directory::default()
    };
    Ok((subject, directory))
}

/// Matches the people of one seed; its false links.
fn one(
    seed: u64,
    people: u64,
    tallies: &mut BTreeMap<Fate, Tally>,
    costs: &mut [Cost; 4],
) -> Result<u64, Failure> {
    let run = Run::default();
    let (loaded, loading) = measure(|| load(seed, people));
    let (linkage, truth) = loaded?;
    let (model, training) = measure(|| linkage.train(&run));
    let (comparison, comparing) = measure(|| linkage.compare(&model, &run));
    let comparison = comparison?;
    let policy = Policy {
        managed_auto: true,
        score_auto: true,
        rare_names_auto: true,
        another_name_auto: true,
        ..Policy::default()
    };
    let now = Timestamp::from_second(1_790_000_000)?;
    let asked = |matches: &_| asked(&comparison, matches, &truth);
    let (decided, deciding) = decided(&comparison, &policy, now, asked)?;
    for (sum, one) in costs
        .iter_mut()
        .zip([loading, training, comparing, deciding])
    {
        sum.wall += one.wall;
        sum.cpu += one.cpu;
    }
    let mut falsely = 0;
    for (matches, decided) in comparison.all.iter().zip(&decided) {
        let id = comparison.right_id(matches);
        let fate = truth.fates[number(id)? as usize];
        let own = AccountId::new(format!("a{}", &id[1..]));
        let tally = tallies.entry(fate).or_default();
        tally.people += 1;
        match &decided.decision {
            Decision::Link { account, .. } => {
                *tally.by_rule.entry(decided.why.rule).or_default() += 1;
                if *account == own && fate.has_account() {
                    tally.linked += 1;
                } else {
                    tally.wrong += 1;
                    falsely += 1;
                    // Made-up people: what went wrong may be shown.
                    if std::env::var_os("CLEVER_MATCH_SHOW").is_some() {
                        let pair = matches
                            .pairs
                            .iter()
                            .find(|pair| comparison.ids(pair)[0] == account.as_str());
                        let said: Vec<String> = pair.map_or_else(Vec::new, |pair| {
                            comparison
                                .agreements(pair)
                                .map(|one| format!("{}={}", one.field, one.word()))
                                .collect()
                        });
                        println!("false: {fate:?} {:?} {}", decided.why.rule, said.join(" "));
                    }
                }
            }
            _ if fate.has_account() => {
                let doubt = decided.why.rejected.get(&own);
                let word = doubt.map_or_else(|| "not found".to_owned(), |one| format!("{one:?}"));
                *tally.doubts.entry(word).or_default() += 1;
            }
            _ => {}
        }
    }
    Ok(falsely)
}

/// Prints how well the districts of each seed are matched.
pub(crate) fn run(people: u64, seeds: u64) -> Result<(), Failure> {
    let mut tallies = BTreeMap::new();
    let mut costs = [
        Cost::default(),
        Cost::default(),
        Cost::default(),
        Cost::default(),
    ];
    let mut falsely = Vec::new();
    for seed in 1..=seeds {
        falsely.push(one(seed, people, &mut tallies, &mut costs)?.to_string());
    }
    println!("Districts of other habits: {people} people of each of {seeds} seeds\n");
    println!("| Fate | people | linked | by rule | false links | precision | the rest |");
    println!("| --- | --: | --: | --- | --: | --: | --- |");
    let (mut may, mut linked, mut wrong) = (0, 0, 0);
    for (fate, tally) in &tallies {
        let share = |part: u64, all: u64| match all {
            0 => "-".to_owned(),
            _ => format!("{:.3}", part as f64 / all as f64),
        };
        let rules = tally
            .by_rule
            .iter()
            .map(|(rule, many)| format!("{rule} {many}"));
        let rest = tally
            .doubts
            .iter()
            .map(|(doubt, many)| format!("{doubt} {many}"));
        println!(
            "| {fate:?} | {} | {} | {} | {} | {} | {} |",
            tally.people,
            share(tally.linked, tally.people),
            rules.collect::<Vec<_>>().join(", "),
            tally.wrong,
            share(tally.linked, tally.linked + tally.wrong),
            rest.collect::<Vec<_>>().join(", "),
        );
        if fate.is_in_reach() {
            may += tally.people;
            linked += tally.linked;
        }
        wrong += tally.wrong;
    }
    println!(
        "\nlinked of those in reach: {:.4}",
        linked as f64 / may as f64
    );
    println!("false links: {wrong}, by seed {}\n", falsely.join(", "));
    println!("| Step | s | CPU s |\n| --- | --: | --: |");
    for (step, cost) in ["load", "train", "compare", "decide"].iter().zip(&costs) {
        println!("| {step} | {:.2} | {:.2} |", cost.wall, cost.cpu);
    }
    println!("\nlargest memory, with all decisions: {} MiB\n", peak());
    Ok(())
}
