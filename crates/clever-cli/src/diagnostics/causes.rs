//! What each error is called for scripts, which exit code it has, and what whoever sees it should do.

use clever_auth::credential::CredentialError;
use clever_auth::login::Rejection;
use clever_auth::{AnswerError, AppError, KindError, TokenError, address::UnsafeAddress};
use clever_client::{ClientError, ConnectError, ErrorKind, SetupError, SignInError, WalkError};
use clever_emulator::StartError;
use clever_provision::roster::FollowError;
use clever_provision::store::{AccountsError, Refusal};
use clever_sql::AddressError;
use clever_sync::erase::{Broken, ForgetError, PruneError};
use clever_sync::{DatabaseError, PlanError, PolicyError, StoreError, SyncError, UndoError};

use super::cause::{Cause, failed, refused, usage};
use super::{Diagnosis, Exit, NotThere, Usage, of_stores, rehearsal};
use crate::access::{MissingApp, NoneConnected, SeveralDistricts};
use crate::cmd::changes::NoDistrict;
use crate::cmd::demo::FileExists;
use crate::cmd::matching::TableError;
use crate::settings::{MissingToken, TOKEN_VARIABLE};
use crate::vault::NoCredential;
use crate::webhook::NotDelivered;

/// Says what an error means, by the first cause that is known.
pub(super) fn diagnose(error: &anyhow::Error) -> Diagnosis {
    let known = given(error).or_else(|| error.chain().find_map(of_cause));
    let (code, exit, hint) = known.unwrap_or(("failed", Exit::Failed, None));
    Diagnosis { code, exit, hint }
}

/// What was given and can't be used. It may stand in the chain as a context, where only the whole error finds it.
fn given(error: &anyhow::Error) -> Option<Cause> {
    let given = error.downcast_ref::<Usage>()?;
    Some(("usage", Exit::Usage, given.hint.clone()))
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    of_ours(cause)
        .or_else(|| cause.downcast_ref().map(client))
        .or_else(|| cause.downcast_ref().and_then(store))
        .or_else(|| cause.downcast_ref().and_then(of_stores::carry))
        .or_else(|| cause.downcast_ref().and_then(accounts))
        .or_else(|| cause.downcast_ref().and_then(follow))
        .or_else(|| cause.downcast_ref().map(address))
        .or_else(|| cause.downcast_ref().and_then(sync))
        .or_else(|| cause.downcast_ref().map(plan))
        .or_else(|| cause.downcast_ref().and_then(undo))
        .or_else(|| cause.downcast_ref().and_then(forget))
        .or_else(|| cause.downcast_ref().and_then(prune))
        .or_else(|| cause.downcast_ref().map(note))
        .or_else(|| cause.downcast_ref().and_then(sign_in))
        .or_else(|| cause.downcast_ref().map(kind))
        .or_else(|| cause.downcast_ref().map(answer))
        .or_else(|| cause.downcast_ref().map(rejection))
        .or_else(|| cause.downcast_ref().and_then(connect))
        .or_else(|| cause.downcast_ref().map(credential))
        .or_else(|| cause.downcast_ref().map(token))
        .or_else(|| cause.downcast_ref().map(setup))
        .or_else(|| cause.downcast_ref().map(app))
        .or_else(|| cause.downcast_ref().map(emulator))
        .or_else(|| rehearsal::cause(cause))
        .or_else(|| cause.downcast_ref().map(policy))
        .or_else(|| super::of_fleet::of_fleet(cause))
        .or_else(|| super::of_lake::of_lake(cause))
}

/// The errors of this crate.
fn of_ours(cause: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    if let Some(named) = cause.downcast_ref::<NotThere>() {
        return Some(failed("not_found", named.hint.as_str()));
    }
    if cause.is::<MissingToken>() {
        return Some(usage(
            "no_token",
            format!(
                "put a district-app token into {TOKEN_VARIABLE}, name a file with --token-file, or a kept credential \
                 with --credential; `cleverctl demo` needs none"
            ),
        ));
    }
    if cause.is::<MissingApp>() {
        return Some(usage(
            "no_app",
            "set CLEVER_CLIENT_ID and CLEVER_CLIENT_SECRET (your Clever dashboard, Settings > General), or keep them \
             with `cleverctl credential add NAME --client-id ID` and use --credential NAME",
        ));
    }
    if cause.is::<NoCredential>() {
        return Some(usage(
            "no_credential",
            "`cleverctl credential list` shows the names, `cleverctl credential add` keeps one",
        ));
    }
    #[cfg(not(all(feature = "full", feature = "lake")))]
    if let Some(lacking) = cause.downcast_ref::<crate::cmd::not_built::NotBuilt>() {
        return Some(usage("not_built", lacking.hint()));
    }
    if cause.is::<FileExists>() {
        return Some(failed(
            "file_exists",
            "remove the file, or name another with --store sqlite:PATH",
        ));
    }
    if cause.is::<crate::cmd::export::NotForSpreadsheets>() {
        return Some(usage(
            "not_for_spreadsheets",
            "choose --format csv, or leave --for out",
        ));
    }
    if let Some(table) = cause.downcast_ref::<TableError>() {
        return Some(("table", Exit::Failed, table.hint()));
    }
    if let Some(csv) = cause.downcast_ref::<csv::Error>()
        && matches!(csv.kind(), csv::ErrorKind::Utf8 { .. })
    {
        return Some(failed(
            "not_utf8",
            "save the file as UTF-8 (spreadsheets: `CSV UTF-8`)",
        ));
    }
    if let Some(io) = cause.downcast_ref::<std::io::Error>()
        && matches!(
            io.kind(),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
        )
    {
        return Some(failed(
            "disk_full",
            "free some space and run again; what was there is as it was",
        ));
    }
    if cause.is::<NoneConnected>() {
        return Some(failed(
            "no_district",
            "a district's admin connects the app in Clever; Library apps have no districts",
        ));
    }
    if cause.is::<SeveralDistricts>() {
        return Some(usage(
            "several_districts",
            "choose one with --district ID (`cleverctl districts` lists them), or sync all with `cleverctl sync --all`",
        ));
    }
    if let Some(error) = cause.downcast_ref::<NotDelivered>() {
        return Some(failed(
            "not_delivered",
            match error {
                NotDelivered::Gone(_) => {
                    "name another address, or stop sending: the receiver has ended it"
                }
                _ => {
                    "look at the receiver's log; what it did not take is sent again by the next run"
                }
            },
        ));
    }
    cause
        .is::<NoDistrict>()
        .then(|| failed("store_empty", "fill it with `cleverctl sync`"))
}

fn client(error: &ClientError) -> Cause {
    // What stands before Clever refuses in passing; only what a second call confirms is Clever's word.
    let is_refusal = error.is_refusal();
    let refused_or_failed = |code, of_refusal: &str, of_passing: &str| {
        if is_refusal {
            refused(code, of_refusal)
        } else {
            failed(code, of_passing)
        }
    };
    match error {
        ClientError::Walk { source, .. } => return walk(source),
        ClientError::Answer {
            status: 300..=399, ..
        } => {
            return failed(
                "redirected",
                "Clever's API redirects nobody: something before it does, a proxy or a sign-in page; check --api-url \
                 (https://api.clever.com) and the network, or run again later",
            );
        }
        ClientError::Silent { .. } => {
            return failed(
                "silent",
                "Clever answers too slowly: run again later, or with smaller pages (--page-size)",
            );
        }
        _ => {}
    }
    match error.kind() {
        ErrorKind::Unauthorized => refused_or_failed(
            "unauthorized",
            "the token is wrong, revoked or rotated: read the active one from your Clever dashboard and set CLEVER_TOKEN",
            "the token still opens its district, or nobody can tell: something before Clever may refuse in passing; run \
             again later, and if it stays so, look at the app's access in your Clever dashboard",
        ),
        ErrorKind::NotShared => {
            let hint = "the token does not open this: Secure Sync may not be enabled for the app, or the district \
                        shares nothing";
            refused_or_failed("not_shared", hint, hint)
        }
        ErrorKind::WrongTokenKind => {
            let hint = "a web page came: if it worked before, something before Clever is failing and a later run may \
                        do better; else check --api-url (https://api.clever.com), and that the token is a district-app \
                        token";
            refused_or_failed("wrong_token_kind", hint, hint)
        }
        ErrorKind::RateLimited => failed(
            "rate_limited",
            "other programs use the same token; run again when the limit's window is over",
        ),
        ErrorKind::Server => failed(
            "server",
            "Clever is failing: see https://status.clever.com and run again later",
        ),
        ErrorKind::Network => failed("network", "check --api-url and the network, then run again"),
        ErrorKind::Undecodable => failed(
            "undecodable",
            "the answer was cut or is not Clever's: check --api-url, then run again",
        ),
        ErrorKind::TooLarge => failed(
            "too_large",
            "smaller pages were tried already, so this is hardly Clever's answer: check --api-url, and a proxy between",
        ),
        ErrorKind::Walk => failed("walk", RUN_AGAIN),
        _ => failed(
            "refused",
            "Clever does not take this request: check --api-url and --api; Clever's support can look up the request's \
             id",
        ),
    }
}

const RUN_AGAIN: &str = "the list changed while it was read, or is not Clever's: run again";

/// What to do where a token does not open exactly one district.
fn not_one_district(found: usize) -> Cause {
    failed(
        "not_one_district",
        if found == 0 {
            "the token opens no district: the district may have disconnected the app, or this is no district-app token; \
             `cleverctl districts --credential NAME` lists the districts of an app"
        } else {
            "use a district-app token: it opens exactly one district; `cleverctl sync --all` syncs every district of \
             an app"
        },
    )
}

fn walk(error: &WalkError) -> Cause {
    match error {
        WalkError::NotOneDistrict { found } => not_one_district(*found),
        WalkError::Links { .. } | WalkError::NoProgress { .. } => failed(
            "walk",
            "the list does not say where it ends, so nothing was taken from it: run again later, and if it stays so, \
             tell Clever's support",
        ),
        WalkError::Count { .. } => failed("walk", "the list changed while it was read: run again"),
        WalkError::Foreign { .. } => failed(
            "walk",
            "the token is sent to the host of --api-url alone: name the address that Clever's links have \
             (https://api.clever.com)",
        ),
        _ => failed("walk", RUN_AGAIN),
    }
}

fn store(error: &StoreError) -> Option<Cause> {
    Some(match error {
        StoreError::Moved => failed(
            "store_moved",
            "run again: the next run starts from what the other one wrote",
        ),
        StoreError::Forgotten(district) => usage(
            "forgotten",
            format!(
                "take it out of the schedule; `cleverctl forget --readmit --district {district}` lets it in again"
            ),
        ),
        StoreError::Elsewhere(away) => of_stores::elsewhere(away),
        StoreError::Database(error) => database(error),
        _ => return None,
    })
}

/// What is wrong with a database, with a next step in words of this program if it has better ones.
fn database(error: &DatabaseError) -> Cause {
    let code = match error {
        DatabaseError::Missing { .. } => {
            return failed(
                "store_missing",
                "make one with `cleverctl sync`, or name another with --store sqlite:PATH",
            );
        }
        DatabaseError::Unreadable { .. } => {
            return failed(
                "store_unreadable",
                "check the path's folder and permissions, or name another store with --store sqlite:PATH",
            );
        }
        DatabaseError::Broken { .. } | DatabaseError::Foreign { .. } => {
            return failed(
                "not_a_store",
                "the file was left as it is; name another with --store sqlite:PATH",
            );
        }
        DatabaseError::Version {
            found, expected, ..
        } if found > expected => {
            return failed("store_version", "a newer cleverctl wrote it: use that one");
        }
        DatabaseError::Version { .. } => {
            return failed(
                "store_version",
                "`cleverctl sync` brings it up to date; of one that can only be read, look at a copy",
            );
        }
        DatabaseError::Taken { .. } => {
            return failed(
                "schema_taken",
                "nothing was made; give the roster a schema of its own with --schema NAME, or leave --schema and \
                 `?schema=` out",
            );
        }
        DatabaseError::OddRow { .. } => {
            return failed(
                "store_edited",
                "somebody edited it: `cleverctl sync --verify` mends what the sync wrote",
            );
        }
        DatabaseError::Address(error) => return address(error),
        DatabaseError::Locked => "store_locked",
        DatabaseError::Full => "disk_full",
        DatabaseError::ReadOnly => "store_read_only",
        DatabaseError::Pooler { .. } => "pooled",
        DatabaseError::Tls(_) => "tls",
        _ => "database",
    };
    (code, Exit::Failed, error.hint())
}

fn address(error: &AddressError) -> Cause {
    let write = "write --store sqlite:PATH or --store postgres://USER@HOST/DATABASE";
    usage(
        "store_address",
        error.hint().unwrap_or_else(|| write.to_owned()),
    )
}

fn accounts(error: &AccountsError) -> Option<Cause> {
    match error {
        AccountsError::Database(DatabaseError::Address(error)) => Some(address(error)),
        AccountsError::Database(error) => Some(("database", Exit::Failed, error.hint())),
        AccountsError::Refused(Refusal::Erased(_)) => Some(failed(
            "erased",
            "leave the district out with --district, or keep its accounts in a new database",
        )),
        _ => None,
    }
}

fn follow(error: &FollowError) -> Option<Cause> {
    match error {
        FollowError::OtherRoster { .. } => Some(failed(
            "other_roster",
            "name the store that the accounts followed with --store; if this one is new and of the same roster, run \
             again with --from-start: nothing is done twice",
        )),
        // Their causes say more.
        _ => None,
    }
}

fn sync(error: &SyncError) -> Option<Cause> {
    Some(match error {
        SyncError::OtherPlan { .. } => usage(
            "other_plan",
            "look at what is held now with `cleverctl sync --dry-run`, and approve that plan's hash",
        ),
        SyncError::EventsAlone { .. } => failed(
            "events_alone",
            "leave --events out: a snapshot is read where it is needed",
        ),
        SyncError::NotOneDistrict { found } => not_one_district(*found),
        SyncError::OtherDistrict { .. } => failed(
            "other_district",
            "use that district's token: --district chooses among the districts of an app, and a token opens its own",
        ),
        SyncError::NewDistrict { opened, .. } => failed(
            "new_district",
            format!(
                "is the token the right one? If this district belongs in the same store, run again with \
                 --district {opened} or --new-district; else name another store with --store"
            ),
        ),
        SyncError::Paused { district, .. } => failed(
            "paused",
            format!(
                "`cleverctl resume {district}` lets it go on; `cleverctl sync --dry-run` looks all the same"
            ),
        ),
        SyncError::EndedEarly { .. } => failed(
            "walk",
            "the list changed while it was read, or a link in it was lost: run again",
        ),
        SyncError::DistrictRecord { .. } => failed(
            "district_record",
            "what the district's record says can't be relied on: run again, and if it stays so, tell Clever's support",
        ),
        // Its own text is the cause's, which does not stand in the chain.
        SyncError::Plan(error) => plan(error),
        SyncError::District(_) => failed(
            "district_id",
            "the answer is hardly Clever's: check --api-url (https://api.clever.com)",
        ),
        // Their causes say more.
        _ => return None,
    })
}

fn plan(error: &PlanError) -> Cause {
    match error {
        PlanError::File { .. } => failed(
            "plan_file",
            "check the path; `cleverctl sync --dry-run --plan FILE` makes a plan",
        ),
        PlanError::NotAPlan { .. } => usage(
            "not_a_plan",
            "make one with `cleverctl sync --dry-run --plan FILE`",
        ),
        PlanError::Stale { .. } => failed(
            "plan_stale",
            "make a new plan with `cleverctl sync --dry-run --plan FILE`",
        ),
        PlanError::Tampered { .. } => failed(
            "plan_tampered",
            "do not trust this file; make a new plan with `cleverctl sync --dry-run --plan FILE`",
        ),
        _ => ("plan", Exit::Failed, None),
    }
}

fn undo(error: &UndoError) -> Option<Cause> {
    Some(match error {
        UndoError::Nothing { left: 0, .. } => failed(
            "nothing_to_undo",
            "`cleverctl changes` lists what each run changed",
        ),
        UndoError::Forgotten { .. } => failed(
            "forgotten",
            "what was forgotten does not come back; `cleverctl forget --list` shows when it was, and by whom",
        ),
        UndoError::Nothing { .. } => failed(
            "nothing_to_undo",
            "take the later runs back first; `cleverctl explain ID` names those of a record",
        ),
        _ => return None,
    })
}

fn forget(error: &ForgetError) -> Option<Cause> {
    Some(match error {
        ForgetError::Active { .. } => failed(
            "in_the_roster",
            "Clever shares the person still, and the next run would bring everything back: have the district end the \
             sharing and sync first, or add --keep-out, which takes the person in no more",
        ),
        ForgetError::Unknown { .. } => failed(
            "not_found",
            "the id is Clever's, as `cleverctl changes` and `cleverctl explain` show it",
        ),
        ForgetError::UnknownDistrict { .. } => failed(
            "not_found",
            "`cleverctl status` lists the districts of the store",
        ),
        _ => return None,
    })
}

fn prune(error: &PruneError) -> Option<Cause> {
    Some(match error {
        PruneError::Unread { .. } => failed(
            "unread_changes",
            "have that reader read on, or name an earlier time with --changes-before; a reader that is gone for good has a \
             row in the table `consumers`, which you may delete",
        ),
        _ => return None,
    })
}

fn note(_: &Broken) -> Cause {
    failed(
        "note_changed",
        "bring the key that signed it (CLEVER_KEY or --key-file); with the right key, somebody changed the notes: compare \
         them with a backup",
    )
}

fn sign_in(error: &SignInError) -> Option<Cause> {
    Some(match error {
        SignInError::Network(_) => failed(
            "network",
            "check --auth-url and the network; `cleverctl doctor` checks step by step",
        ),
        // What discovery or keys answered is no verdict on anybody.
        SignInError::NoKeys(_) => failed(
            "no_keys",
            "sign in again in half a minute; `cleverctl doctor` says whether discovery and keys can be read",
        ),
        // A code that is not redeemed has gone stale, whatever Clever answered.
        SignInError::Login(error) => {
            let begin_again = "begin again; a code is good for one minute and one use";
            match std::error::Error::source(error).and_then(|cause| cause.downcast_ref()) {
                Some(AnswerError::Refused { status: 400..=499 }) => {
                    refused("sign_in_refused", begin_again)
                }
                _ => failed("sign_in", begin_again),
            }
        }
        // Its own text is the cause's, which does not stand in the chain.
        SignInError::Kind(error) => kind(error),
        // Their causes say more.
        _ => return None,
    })
}

fn kind(error: &KindError) -> Cause {
    match error {
        KindError::OtherApp => refused(
            "other_app",
            "use a token of this app, or the other app's id and secret",
        ),
        KindError::Answer(error) => answer(error),
        _ => ("token_kind", Exit::Failed, None),
    }
}

fn answer(error: &AnswerError) -> Cause {
    match error {
        AnswerError::Refused { status: 400..=499 } => refused(
            "sign_in_refused",
            "the client id, its secret or the token is wrong: `cleverctl doctor` tells which",
        ),
        AnswerError::Refused { status: 500..=599 } => failed(
            "server",
            "Clever is failing: see https://status.clever.com and run again later",
        ),
        _ => failed(
            "undecodable",
            "this is not Clever's login service: check --auth-url (https://clever.com)",
        ),
    }
}

fn rejection(error: &Rejection) -> Cause {
    match error {
        Rejection::ByClever(_) => refused(
            "sign_in_refused",
            "the person, or an admin of the district, did not let the app in: begin again",
        ),
        _ => refused("sign_in_refused", "begin again: `cleverctl login`"),
    }
}

fn connect(error: &ConnectError) -> Option<Cause> {
    match error {
        ConnectError::Setup(error) => Some(setup(error)),
        ConnectError::NotConnected(_) => Some(failed(
            "not_connected",
            "`cleverctl districts` lists the districts that have connected the app",
        )),
        // Their causes say more.
        _ => None,
    }
}

fn credential(error: &CredentialError) -> Cause {
    match error {
        CredentialError::Taken(_) => failed(
            "credential_taken",
            "`cleverctl credential replace` puts another secret in its place; or choose another name",
        ),
        CredentialError::OtherKey => usage(
            "wrong_key",
            "name the file of the key that sealed them with --key-file, or set CLEVER_KEY",
        ),
        CredentialError::Empty | CredentialError::Cut | CredentialError::Damaged => failed(
            "credentials_broken",
            "bring the file back from a backup; or remove it and add the credentials again",
        ),
        CredentialError::Foreign => usage(
            "not_credentials",
            "name the right file with --credentials; nothing was changed in this one",
        ),
        CredentialError::Token(error) => token(error),
        CredentialError::Form => failed(
            "credentials_form",
            "a newer cleverctl wrote it: use that one",
        ),
        _ => ("credential", Exit::Usage, None),
    }
}

fn token(error: &TokenError) -> Cause {
    match error {
        TokenError::UserToken => usage(
            "user_token",
            "a district-app token stands in your Clever dashboard; `cleverctl me` says of a user's token whose it is",
        ),
        _ => usage(
            "bad_token",
            "copy the token again from your Clever dashboard, without quotes and blanks",
        ),
    }
}

fn setup(error: &SetupError) -> Cause {
    match error {
        SetupError::Http(_) => ("http", Exit::Failed, None),
        SetupError::PageLimit(_) => ("usage", Exit::Usage, None),
        SetupError::Address(_, why) => unsafe_address(why),
        _ => ("usage", Exit::Usage, None),
    }
}

fn app(error: &AppError) -> Cause {
    match error {
        AppError::Address(_, why) => unsafe_address(why),
        _ => usage(
            "bad_app",
            "copy the client id and secret again from your Clever dashboard, without quotes and blanks",
        ),
    }
}

fn unsafe_address(why: &UnsafeAddress) -> Cause {
    let hint = match why {
        UnsafeAddress::Insecure => {
            "use https://, or --insecure-http if it is an emulator in a closed network: everybody on the way can \
             read the token"
        }
        UnsafeAddress::Clever => "write https:// in place of http://",
        _ => {
            "Clever's API is https://api.clever.com; an emulator has an address like http://127.0.0.1:8787"
        }
    };
    usage("bad_address", hint)
}

fn emulator(error: &StartError) -> Cause {
    match error {
        StartError::Listen { .. } => failed(
            "listen",
            "choose another address with --listen, or port 0 for a free one",
        ),
        StartError::NotLoopback(_) => {
            usage("listen", "listen on 127.0.0.1, as in --listen 127.0.0.1:0")
        }
        StartError::Csv(_) => usage(
            "csv_set",
            "mend the files, or use --lenient to leave out the rows that do not fit; `cleverctl export --format csv \
             DIR` writes a set that does",
        ),
        StartError::Recording(_) => usage(
            "recording",
            "a recording is a folder with districts.json, users.json and so on, each an answer of Clever's API",
        ),
        _ => ("emulator", Exit::Failed, None),
    }
}

fn policy(_: &PolicyError) -> Cause {
    usage(
        "bad_policy",
        "docs/policy.md lists what it may say; `max_archived_percent = 10` alone is a policy",
    )
}
