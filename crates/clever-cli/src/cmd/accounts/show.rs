//! `cleverctl accounts list`, `show` and `explain`. Values of people are masked unless they are asked for.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::{Args, ValueEnum};
use clever_model::{Clock as _, SystemClock, Timestamp, UserId};
use clever_provision::ledger::{Actor, Draft, Event, ProofClass};
use clever_provision::store::{AccountStore, Facts};
use clever_provision::{
    Account, AccountId, AccountState, Class, Custody, Decision, LiveLink, Outcome, Policy,
    Rejection, Rule, Subject, decide,
};
use clever_sync::words::masked;
use serde::Serialize;

use crate::diagnostics::{Exit, NotThere};
use crate::ui::{self, Document, Ui};

/// Arguments of `accounts list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only accounts in this state.
    #[arg(long, value_name = "STATE")]
    state: Option<StateWord>,
    /// Only accounts behind this one, in the order of their ids.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// At most so many; `--after` goes on behind the last one.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

/// A state of accounts, in a word.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum StateWord {
    /// May be entered.
    Active,
    /// Its person left the roster.
    Archived,
    /// An admin closed it.
    Suspended,
    /// Merged into another.
    Merged,
}

impl StateWord {
    const fn of(state: &AccountState) -> Self {
        match state {
            AccountState::Active => Self::Active,
            AccountState::Archived => Self::Archived,
            AccountState::Suspended => Self::Suspended,
            AccountState::Merged { .. } => Self::Merged,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Suspended => "suspended",
            Self::Merged => "merged",
        }
    }
}

/// Arguments of `accounts show`.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The account's id.
    #[arg(value_name = "ACCOUNT")]
    account: String,
    /// Show names, dates and numbers as they are.
    #[arg(long)]
    values: bool,
}

/// Arguments of `accounts explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Clever's id of the person.
    #[arg(value_name = "CLEVER_ID")]
    user: UserId,
}

/// Lists accounts, a page at a time until one more than asked for is found: then there are more.
pub(super) async fn list(accounts: &mut AccountStore, args: &ListArgs, ui: &Ui) -> Result<Exit> {
    const PAGE: u32 = 200;
    let mut after = args.after.as_deref().map(AccountId::new);
    let mut found: Vec<Account> = Vec::new();
    loop {
        let page = accounts.accounts(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        let wanted = |account: &Account| {
            args.state
                .is_none_or(|state| state == StateWord::of(&account.state))
        };
        found.extend(page.into_iter().filter(wanted));
        if found.len() > args.limit as usize {
            break;
        }
    }
    let is_more = found.len() > args.limit as usize;
    found.truncate(args.limit as usize);
    let next = found.last().filter(|_| is_more).map(|last| &last.id);
    if ui.json {
        ui.document(&Page {
            accounts: found.iter().map(Shown::of).collect(),
            next,
        })?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        ui.line("No such accounts.")?;
        return Ok(Exit::Done);
    }
    let mut table = ui::table(
        &[
            "Account",
            "Class",
            "State",
            "Governed by",
            "Opened by",
            "Last used",
        ],
        6,
    );
    for account in &found {
        table.add_row(cells(account));
    }
    ui.rows(&table)?;
    if let Some(next) = next {
        ui.line(format!(
            "There are more: --after {}",
            ui::word(next.as_str())
        ))?;
    }
    Ok(Exit::Done)
}

const fn class(class: Class) -> &'static str {
    match class {
        Class::Student => "student",
        Class::Employee => "employee",
        Class::Contact => "contact",
    }
}

fn governor(custody: &Custody) -> String {
    match custody {
        Custody::Unclaimed { by } => format!("district {by}, never entered"),
        Custody::Managed { by } => format!("district {by}"),
        Custody::ClassMade { by } => format!("teacher {by}"),
        Custody::Personal => "its holder".to_owned(),
    }
}

fn cells(account: &Account) -> [String; 6] {
    let links: Vec<&str> = account.links.iter().map(|link| link.id.as_str()).collect();
    let last = account.last_used.map(|at| at.to_string());
    [
        account.id.to_string(),
        class(account.class).to_owned(),
        StateWord::of(&account.state).as_str().to_owned(),
        governor(&account.custody),
        links.join(", "),
        last.unwrap_or_default().chars().take(10).collect(),
    ]
}

/// An account without what is known of its holder.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Shown<'a> {
    account: &'a AccountId,
    class: Class,
    state: StateWord,
    /// The account that it became part of.
    merged_into: Option<&'a AccountId>,
    custody: &'a Custody,
    links: &'a [LiveLink],
    /// How many ways into it there are.
    ways_in: usize,
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    last_used: Option<Timestamp>,
}

impl<'a> Shown<'a> {
    fn of(account: &'a Account) -> Self {
        Self {
            account: &account.id,
            class: account.class,
            state: StateWord::of(&account.state),
            merged_into: match &account.state {
                AccountState::Merged { into } => Some(into),
                _ => None,
            },
            custody: &account.custody,
            links: &account.links,
            ways_in: account.methods.len(),
            last_used: account.last_used,
        }
    }
}

/// A page of accounts.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Page<'a> {
    accounts: Vec<Shown<'a>>,
    /// The account to go on behind; none at the end.
    next: Option<&'a AccountId>,
}

impl Document for Page<'_> {
    const NAME: &'static str = "accounts-list";
}

/// An account, what is known of its holder, and what happened to it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct InFull<'a> {
    account: Shown<'a>,
    /// Values by field, of each identity; masked unless they are asked for.
    known: Vec<BTreeMap<String, String>>,
    history: Vec<Entry<'a>>,
}

impl Document for InFull<'_> {
    const NAME: &'static str = "accounts-show";
}

/// An entry of the ledger.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Entry<'a> {
    entry: u64,
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    at: Timestamp,
    actor: &'a Actor,
    proof: ProofClass,
    event: &'a Event,
}

impl<'a> Entry<'a> {
    fn of((entry, draft): &'a (u64, Draft)) -> Self {
        Self {
            entry: *entry,
            at: draft.at,
            actor: &draft.actor,
            proof: draft.proof,
            event: &draft.event,
        }
    }
}

/// Which account is a person's, and why.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Explained<'a> {
    clever_id: &'a UserId,
    account: Option<&'a AccountId>,
    /// What the roster would decide today; none for whom the roster does not have.
    decision: Option<&'a Decision>,
    /// The row of the decision table.
    rule: Option<Rule>,
    rejected: Option<&'a BTreeMap<AccountId, Rejection>>,
    history: Vec<Entry<'a>>,
}

impl Document for Explained<'_> {
    const NAME: &'static str = "accounts-explain";
}

/// A value as it is, or its first letter.
fn shown(value: &str, open: bool) -> String {
    if open {
        return value.to_owned();
    }
    masked(value)
}

/// Shows one account.
pub(super) async fn show(accounts: &mut AccountStore, args: &ShowArgs, ui: &Ui) -> Result<Exit> {
    let id = AccountId::new(args.account.as_str());
    let Some(account) = accounts.account(&id).await? else {
        return Err(NotThere::new(
            format!("there is no account {id}"),
            "`cleverctl accounts list` lists them",
        )
        .into());
    };
    let known = accounts.known(&account).await?;
    let history = accounts.history(Some(&id), None, None, u32::MAX).await?;
    let fields = |facts: &Facts| {
        let fields = facts.fields().into_iter();
        fields
            .map(|(name, value)| (name, shown(&value, args.values)))
            .collect::<BTreeMap<_, _>>()
    };
    if ui.json {
        ui.document(&InFull {
            account: Shown::of(&account),
            known: known.iter().map(fields).collect(),
            history: history.iter().map(Entry::of).collect(),
        })?;
        return Ok(Exit::Done);
    }
    let state = StateWord::of(&account.state).as_str();
    ui.line(format!(
        "Account {id}: {}, {state}, governed by {}",
        class(account.class),
        governor(&account.custody)
    ))?;
    for link in &account.links {
        let district = link.district.as_ref().map_or_else(
            || "Clever Library".to_owned(),
            |district| format!("district {district}"),
        );
        let there = if link.in_roster {
            ""
        } else {
            ", gone from the roster"
        };
        ui.line(format!("Opened by {} of {district}{there}", link.id))?;
    }
    for facts in &known {
        let mut table = ui::table(&["Known", "Value"], 2);
        for (name, value) in fields(facts) {
            table.add_row([name, value]);
        }
        ui.rows(&table)?;
    }
    tell(ui, &history)?;
    if !args.values && !known.is_empty() {
        ui.line("Values are masked; --values shows them.")?;
    }
    Ok(Exit::Done)
}

fn tell(ui: &Ui, history: &[(u64, Draft)]) -> Result<()> {
    for (seq, draft) in history {
        let at: String = draft.at.to_string().chars().take(10).collect();
        ui.line(format!(
            "{at} {}, {} (entry {seq})",
            draft.event, draft.actor
        ))?;
    }
    Ok(())
}

/// Explains which account is a person's.
pub(super) async fn explain(
    accounts: &mut AccountStore,
    args: &ExplainArgs,
    ui: &Ui,
) -> Result<Exit> {
    let opens = accounts.opened_by(&args.user).await?;
    let history = accounts
        .history(None, Some(&args.user), None, u32::MAX)
        .await?;
    let person = accounts.remembered(&args.user).await?;
    if opens.is_none() && history.is_empty() && person.is_none() {
        return Err(NotThere::new(
            format!("the accounts have never met {}", args.user),
            "bring them in step with the roster: `cleverctl accounts sync`",
        )
        .into());
    }
    // What the roster would decide today, looked at and not done.
    let mut would = None;
    if let Some(person) = &person
        && let Ok(subject) = Subject::roster(person)
    {
        let found = accounts.candidates(person).await?;
        let mut directory = accounts.directory(&subject, &[], found.candidates).await?;
        directory.truncated = found.truncated;
        would = Some(decide(
            &subject,
            &[],
            &directory,
            &Policy::default(),
            SystemClock.now(),
        ));
    }
    if ui.json {
        ui.document(&Explained {
            clever_id: &args.user,
            account: opens.as_ref(),
            decision: would.as_ref().map(|it| &it.decision),
            rule: would.as_ref().map(|it| it.why.rule),
            rejected: would.as_ref().map(|it| &it.why.rejected),
            history: history.iter().map(Entry::of).collect(),
        })?;
        return Ok(Exit::Done);
    }
    match &opens {
        Some(account) => ui.line(format!("{} opens account {account}.", args.user))?,
        None => ui.line(format!("{} opens no account.", args.user))?,
    }
    if let Some(decided) = &would {
        ui.line(format!(
            "By the roster: {}, row {} of the decision table.",
            outcome(decided.outcome()),
            decided.why.rule
        ))?;
        for (account, reason) in &decided.why.rejected {
            ui.line(format!("Not account {account}: {}", rejection(*reason)))?;
        }
    }
    tell(ui, &history)?;
    Ok(Exit::Done)
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::LogIn => "the account that the id opens",
        Outcome::Link => "an account from before",
        Outcome::Merge => "two accounts become one",
        Outcome::Ask => "the person is asked",
        Outcome::Create => "a new account",
        Outcome::CreateAndPark => "a new account, and a review",
        Outcome::Review => "a review",
        Outcome::Refuse => "nobody whom the app serves",
    }
}

const fn rejection(why: Rejection) -> &'static str {
    match why {
        Rejection::OutOfReach => "the person's district does not govern it",
        Rejection::OtherClass => "it is of another sort of person",
        Rejection::Broken => "its trail of merges breaks",
        Rejection::NotInDirectory => "it was proven, and not read",
        Rejection::Suspended => "an admin closed it",
        Rejection::AlreadyLinked => "somebody else in the roster opens it",
        Rejection::OtherDistrict => "somebody of another district opens it",
        Rejection::Contradicted => "the records contradict each other",
        Rejection::Sibling => "it may be a sibling's",
        Rejection::Idle => "nobody entered it for too long",
        Rejection::Ambiguous => "others fit as well",
        Rejection::Wanted => "somebody else fits it as well",
        Rejection::Cut => "others may fit as well: the list is not whole",
        Rejection::Weak => "too little speaks for it",
        Rejection::Policy => "the policy wants a person's word",
        Rejection::UnboundLogin => "somebody else may have started the sign-in",
    }
}
