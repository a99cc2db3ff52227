//! An app's accounts of last year and this year's rosters: how many are linked, how many falsely, and at what cost.

use std::collections::{BTreeMap, HashMap};

use clever_linkage::{Comparison, Linkage, MatchConfig, Matches, Pair, PeopleBuilder, Run, Side};
use clever_model::{DistrictId, Role, Timestamp, UserId};
use clever_provision::{
    Account, AccountId, AccountState, Basis, Class, Custody, Decided, Decision, Directory,
    LiveLink, LoginMethod, Person, Policy, Subject, candidates, decide_all,
};

use crate::meter::{Cost, measure, peak};
use crate::people::{Child, PER_DISTRICT, Stratum, account, draw, twin_of};

pub(crate) const CONFIG: &str = r#"
left = { id = "account" }
right = { id = "clever_id" }
field = [
    { name = "sis", kind = "sis_id", scope = { left = "governor", right = "district" } },
    { name = "number", kind = "student_number", scope = { left = "governor", right = "district" } },
    { name = "state", kind = "state_id" },
    { name = "email", kind = "email" },
    { name = "first", kind = "given_name" },
    { name = "last", kind = "family_name" },
    { name = "born", kind = "date" },
    { name = "grade", kind = "grade" },
    { name = "school", kind = "code" },
]
"#;

/// Found, missed and wrong of a stratum.
#[derive(Default)]
struct Tally {
    people: u64,
    linked: u64,
    /// How many of those by the score alone.
    by_score: u64,
    in_five: u64,
    wrong: u64,
}

fn load(count: u64) -> Result<Linkage, Box<dyn std::error::Error>> {
    let mut people = PeopleBuilder::new(toml::from_str::<MatchConfig>(CONFIG)?)?;
    let mut row = |side, id: &str, child: &Child, governor: &str, born: &str, grade: u64| {
        let grade = if grade == 0 {
            "Kindergarten".to_owned()
        } else {
            grade.to_string()
        };
        people.push(
            side,
            id,
            [
                child.sis.as_str(),
                governor,
                &child.number,
                governor,
                &child.state,
                &child.email,
                &child.first,
                &child.last,
                born,
                &grade,
                &child.school,
            ],
        )
    };
    for person in 0..count {
        let stratum = Stratum::of(person);
        if !matches!(stratum, Stratum::NoAccount | Stratum::NewTwin) {
            let (child, governor, told) = account(person);
            let governor = governor
                .map(|district| format!("d{district}"))
                .unwrap_or_default();
            let born = if told { child.born() } else { String::new() };
            row(
                Side::Left,
                &format!("a{person}"),
                &child,
                &governor,
                &born,
                child.grade.saturating_sub(1),
            )?;
        }
        if stratum == Stratum::TwinLeft {
            continue;
        }
        let child = Child::new(person);
        let born = if draw(person, 40, 100) < 3 {
            String::new()
        } else {
            child.born()
        };
        row(
            Side::Right,
            &format!("u{person}"),
            &child,
            &format!("d{}", child.district),
            &born,
            child.grade,
        )?;
    }
    // Leavers: accounts of nobody who is still there.
    for leaver in count..count + count / 30 {
        let child = Child {
            district: leaver % (count / PER_DISTRICT + 1),
            ..Child::new(leaver)
        };
        let id = format!("z{leaver}");
        row(
            Side::Left,
            &id,
            &child,
            &format!("d{}", child.district),
            &child.born(),
            child.grade,
        )?;
    }
    Ok(Linkage::new(people.finish()?))
}

/// An account as the app has it, from its id.
fn account_of(id: &AccountId, now: Timestamp) -> Result<Account, Box<dyn std::error::Error>> {
    let person: u64 = id.as_str()[1..].parse()?;
    let district = |number: u64| DistrictId::new(format!("d{number}"));
    let leaver = id.as_str().starts_with('z');
    let stratum = Stratum::of(person);
    let old = Child::new(person).district;
    let (custody, link) = match stratum {
        Stratum::ClassMade if !leaver => (
            Custody::ClassMade {
                by: UserId::new(format!("t{old}"))?,
            },
            None,
        ),
        Stratum::Squatter if !leaver => (Custody::Personal, None),
        Stratum::Transfer if !leaver => (
            Custody::Managed {
                by: district(old + 1_000)?,
            },
            None,
        ),
        Stratum::NewId | Stratum::TwinLeft if !leaver => {
            let link = LiveLink {
                id: UserId::new(format!("old{person}"))?,
                district: Some(district(old)?),
                in_roster: false,
                by_admin: false,
            };
            (Custody::Managed { by: district(old)? }, Some(link))
        }
        _ => (Custody::Managed { by: district(old)? }, None),
    };
    Ok(Account {
        id: id.clone(),
        version: 1,
        custody,
        class: Class::Student,
        state: AccountState::Active,
        links: link.into_iter().collect(),
        methods: vec![LoginMethod {
            id: "password".into(),
            proven_at: None,
        }],
        last_used: Some(now),
    })
}

/// The person of this year's roster, and the accounts that may be the person's.
fn asked(
    comparison: &Comparison<'_>,
    matches: &Matches,
    now: Timestamp,
) -> Result<(Subject, Directory), Box<dyn std::error::Error>> {
    let person: u64 = comparison.right_id(matches)[1..].parse()?;
    let district = person / PER_DISTRICT;
    let subject = Subject::roster(&Person::new(
        UserId::new(format!("u{person}"))?,
        Some(DistrictId::new(format!("d{district}"))?),
        [Role::Student],
    ))?;
    let candidates = candidates(comparison, matches);
    let accounts = candidates
        .iter()
        .map(|one| Ok((one.account.clone(), account_of(&one.account, now)?)));
    let directory = Directory {
        version: 1,
        accounts: accounts.collect::<Result<_, Box<dyn std::error::Error>>>()?,
        candidates,
        truncated: matches.cut,
        ..Directory::default()
    };
    Ok((subject, directory))
}

/// Decides about all, each as it is asked about; says also what that cost.
pub(crate) fn decided(
    comparison: &Comparison<'_>,
    policy: &Policy,
    now: Timestamp,
    ask: impl Fn(&Matches) -> Result<(Subject, Directory), Box<dyn std::error::Error>>,
) -> Result<(Vec<Decided>, Cost), Box<dyn std::error::Error>> {
    let mut failed = None;
    let (decided, deciding) = measure(|| {
        let all = comparison.all.iter();
        let asked = all.map_while(|matches| match ask(matches) {
            Ok(asked) => Some(asked),
            Err(error) => {
                failed = Some(error);
                None
            }
        });
        decide_all(asked, policy, now)
    });
    match failed {
        Some(error) => Err(error),
        None => Ok((decided, deciding)),
    }
}

/// Prints how well the made-up people are matched, and what it costs.
pub(crate) fn run(count: u64) -> Result<(), Box<dyn std::error::Error>> {
    let run = Run::default();
    let (linkage, loading) = measure(|| load(count));
    let linkage = linkage?;
    let (model, training) = measure(|| linkage.train(&run));
    let (comparison, comparing) = measure(|| linkage.compare(&model, &run));
    let comparison = comparison?;
    let memory = peak();
    let policy = Policy {
        managed_auto: true,
        score_auto: true,
        rare_names_auto: true,
        another_name_auto: true,
        id_change_auto: true,
        ..Policy::default()
    };
    let now = Timestamp::from_second(1_790_000_000)?;
    let asked = |matches: &_| asked(&comparison, matches, now);
    let (decided, deciding) = decided(&comparison, &policy, now, asked)?;
    let mut tallies: BTreeMap<Stratum, Tally> = BTreeMap::new();
    let mut expected_false = 0.0;
    for (matches, decided) in comparison.all.iter().zip(&decided) {
        let person: u64 = comparison.right_id(matches)[1..].parse()?;
        let stratum = Stratum::of(person);
        let own = AccountId::new(format!("a{person}"));
        let tally = tallies.entry(stratum).or_default();
        tally.people += 1;
        let place = |account: &AccountId| {
            let mut pairs = matches.pairs.iter();
            pairs.position(|pair| comparison.ids(pair)[0] == account.as_str())
        };
        match &decided.decision {
            Decision::Link { account, basis } => {
                let pair = place(account).map(|place| &matches.pairs[place]);
                expected_false += pair.map_or(0.0, Pair::chance_of_error);
                if *account == own && stratum.has_account() {
                    tally.linked += 1;
                    tally.by_score += u64::from(*basis == Basis::Score);
                } else {
                    tally.wrong += 1;
                }
            }
            _ if stratum.has_account() => {
                tally.in_five += u64::from(place(&own).is_some_and(|place| place < 5));
            }
            _ => {}
        }
    }
    report(
        count,
        &tallies,
        &[
            ("load", loading),
            ("train", training),
            ("compare", comparing),
            ("decide", deciding),
        ],
        (memory, peak()),
    );
    let (found, falsely) = ladder(count);
    println!(
        "a ladder of guesses instead (the district's id, else the address): {found} links, {falsely} of them false\n"
    );
    println!(
        "expected false links by score: {expected_false:.4}; blocks too large to be read for {} people\n",
        comparison.all.iter().filter(|one| one.cut).count()
    );
    Ok(())
}

/// What apps do today: whoever has the same id in the district, else the same address. Links, and the false ones among them.
fn ladder(count: u64) -> (u64, u64) {
    let mut by_sis = HashMap::new();
    let mut by_email = HashMap::new();
    let without = [Stratum::NoAccount, Stratum::NewTwin];
    for person in (0..count).filter(|person| !without.contains(&Stratum::of(*person))) {
        let (child, ..) = account(person);
        if !child.sis.is_empty() {
            by_sis.entry((child.district, child.sis)).or_insert(person);
        }
        if !child.email.is_empty() {
            by_email.entry(child.email).or_insert(person);
        }
    }
    let (mut found, mut falsely) = (0, 0);
    for person in (0..count).filter(|person| Stratum::of(*person) != Stratum::TwinLeft) {
        let child = Child::new(person);
        let by_id = by_sis.get(&(child.district, child.sis));
        if let Some(owner) = by_id.or_else(|| by_email.get(&child.email)) {
            found += 1;
            falsely += u64::from(*owner != person || !Stratum::of(person).has_account());
        }
    }
    (found, falsely)
}

fn report(
    count: u64,
    tallies: &BTreeMap<Stratum, Tally>,
    costs: &[(&str, Cost)],
    memory: (u64, u64),
) {
    println!("K-12: {count} people of this year's rosters, accounts of last year\n");
    println!(
        "| Stratum | people | linked | of these by score | right account among five of the rest | false links |"
    );
    println!("| --- | --: | --: | --: | --: | --: |");
    let share = |part: u64, all: u64| {
        if all == 0 {
            "-".to_owned()
        } else {
            format!("{:.3}", part as f64 / all as f64)
        }
    };
    let (mut may, mut linked, mut rest, mut in_five) = (0, 0, 0, 0);
    let mut wrong = 0;
    for (stratum, tally) in tallies {
        let left = if stratum.has_account() {
            tally.people - tally.linked - tally.wrong
        } else {
            0
        };
        println!(
            "| {stratum:?} | {} | {} | {} | {} | {} |",
            tally.people,
            share(tally.linked, tally.people),
            share(tally.by_score, tally.linked),
            share(tally.in_five, left),
            tally.wrong,
        );
        if stratum.is_in_reach() {
            may += tally.people;
            linked += tally.linked;
        }
        rest += left;
        in_five += tally.in_five;
        wrong += tally.wrong;
    }
    println!(
        "\nlinked of those who may be without a person's word: {}",
        share(linked, may)
    );
    println!(
        "right account among five of the rest that have one: {}",
        share(in_five, rest)
    );
    println!(
        "false links per million: {:.2}",
        wrong as f64 * 1e6 / count as f64
    );
    let twins = (0..count).filter_map(|person| Some((person, twin_of(person)?)));
    let (mut all, mut alike, mut new) = (0, 0, 0);
    for (person, _) in twins {
        all += 2;
        alike += 2 * u64::from(draw(person, 14, 3) == 0);
        new += u64::from(Stratum::of(person) == Stratum::NewTwin);
    }
    println!(
        "twins: {all} people, {alike} of them with names that look alike; {new} are new beside a twin's account\n"
    );
    println!("| Step | s | CPU s |\n| --- | --: | --: |");
    for (step, cost) in costs {
        println!("| {step} | {:.2} | {:.2} |", cost.wall, cost.cpu);
    }
    println!(
        "\nlargest memory: {} MiB, with all decisions {} MiB",
        memory.0, memory.1
    );
}
