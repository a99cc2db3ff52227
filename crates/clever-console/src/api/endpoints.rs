//! Every endpoint, in the order of the document.

use clever_provision::store::Answer;
use clever_sync::ChangeFilter;
use clever_sync::look::Looked;

use super::asked::{
    AfterAccount, AfterQuestion, AnswerBody, ApproveBody, AskedChanges, AskedDeeds, BeforeEntry,
    BeforeRun, DeclineBody, ExportBody, ForgetBody, MergeBody, Nothing, RevealBody, UndoBody,
    UnlinkBody, UnmergeBody, WhyBody, unless,
};
use super::call::{Call, Endpoint, file, read, reveal, write};
use super::shapes::{
    AccountKnown, Accounts, ChangeShown, Consumers, Count, Deeds, Districts, Done, Forgot,
    HoldShown, LookShown, Me, NamedChanges, PauseShown, PlanShown, RecordShown, Reviews, Runs,
    Sizes, SyncStarted, masked_review,
};
use crate::acts::{
    accounts, audit, changes, districts, exports, forget, holds, looks, pauses, records, reviews,
    runs,
};
use crate::pages::back;
use crate::site::{Started, may_see};
use crate::trouble::Trouble;
use crate::who::Role::{Admin, Operator};

/// So many lines are on a page.
const PAGE: u32 = 50;

/// Every endpoint.
pub(super) fn all() -> Vec<Endpoint> {
    let mut all = of_districts();
    all.extend(of_records());
    all.extend(of_accounts());
    all
}

fn of_districts() -> Vec<Endpoint> {
    vec![
        read("/me", "me", "Say who asks", async |call: Call<Nothing>| {
            let person = call.visitor.person;
            Ok(Me {
                name: person.name,
                role: person.role.to_string(),
                district: person.district,
            })
        }),
        read(
            "/districts",
            "districts",
            "Say how the districts stand",
            async |call: Call<Nothing>| {
                let only = call.visitor.person.district.as_deref();
                let (districts, never_synced) = districts::stand_all(&call.site, only).await?;
                Ok(Districts {
                    districts,
                    never_synced,
                })
            },
        ),
        read(
            "/districts/{district}",
            "district",
            "Say how a district stands",
            async |call: Call<Nothing>| {
                let district = call.text("district");
                may_see(&call.visitor, district)?;
                let mut store = call.site.stores.of(district).await?;
                let (mut all, _) =
                    districts::stand(&mut store, Some(district), call.site.now()).await?;
                store.back();
                all.pop().ok_or(Trouble::Missing)
            },
        ),
        read(
            "/districts/{district}/runs",
            "runs",
            "List the runs of a district, newest first",
            async |call: Call<BeforeRun>| {
                let district = call.text("district");
                let mut store = call.site.stores.of(district).await?;
                districts::there(&mut store, &call.visitor, district).await?;
                let runs = store.runs(district, call.asked.before, PAGE).await?;
                store.back();
                let next = runs.last().filter(|_| runs.len() == PAGE as usize);
                Ok(Runs {
                    next: next.map(|last| last.run),
                    runs,
                })
            },
        ),
        read(
            "/districts/{district}/runs/{run}",
            "run",
            "Show the report of a run",
            async |call: Call<Nothing>| {
                let run = call.number("run")?;
                runs::run(&call.site, &call.visitor, call.text("district"), run).await
            },
        ),
        write(
            Operator,
            "/districts/{district}/runs/{run}/undo",
            "undo",
            "Take a run back, or say what that would do",
            async |call: Call<UndoBody>| {
                let UndoBody {
                    school,
                    dry_run,
                    reason,
                } = &call.asked;
                let why = unless(*dry_run, reason);
                let (district, run) = (call.text("district"), call.number("run")?);
                runs::undo(&call.site, &call.visitor, district, run, school, why).await
            },
        ),
        write(
            Operator,
            "/districts/{district}/sync",
            "sync",
            "Start a sync",
            async |call: Call<Nothing>| {
                let started =
                    districts::sync(&call.site, &call.visitor, call.text("district")).await?;
                Ok(SyncStarted {
                    started: started == Started::Now,
                })
            },
        ),
        write(
            Operator,
            "/districts/{district}/look",
            "begin_look",
            "Begin a dry run, which says what a sync would do",
            async |call: Call<Nothing>| {
                let district = call.text("district");
                let started = looks::begin(&call.site, &call.visitor, district).await?;
                Ok(SyncStarted {
                    started: started == Started::Now,
                })
            },
        ),
        read(
            "/districts/{district}/look",
            "look",
            "Show what the last dry run saw",
            async |call: Call<Nothing>| {
                let look = looks::last(&call.site, &call.visitor, call.text("district"))?;
                look.as_ref().map(LookShown::of).ok_or(Trouble::Missing)
            },
        ),
        write(
            Operator,
            "/districts/{district}/pause",
            "pause",
            "Keep the runs of a district from beginning",
            async |call: Call<WhyBody>| {
                let (district, why) = (call.text("district"), &call.asked.reason);
                let paused = pauses::pause(&call.site, &call.visitor, district, why).await?;
                Ok(PauseShown { paused })
            },
        ),
        write(
            Operator,
            "/districts/{district}/resume",
            "resume",
            "Let a paused district go on",
            async |call: Call<WhyBody>| {
                let (district, why) = (call.text("district"), &call.asked.reason);
                pauses::resume(&call.site, &call.visitor, district, why).await?;
                Ok(Done { done: true })
            },
        ),
        read(
            "/districts/{district}/consumers",
            "consumers",
            "List the readers of a district's changes",
            async |call: Call<Nothing>| {
                let district = call.text("district");
                may_see(&call.visitor, district)?;
                let mut store = call.site.stores.of(district).await?;
                let (all, _) =
                    districts::stand(&mut store, Some(district), call.site.now()).await?;
                let status = all.first().ok_or(Trouble::Missing)?;
                let consumers = store.consumers(district).await?;
                store.back();
                Ok(Consumers {
                    consumers,
                    changes: status.status.changes,
                })
            },
        ),
        read(
            "/districts/{district}/sizes",
            "sizes",
            "Say how large a district was, over ninety days",
            async |call: Call<Nothing>| {
                let district = call.text("district");
                let mut store = call.site.stores.of(district).await?;
                districts::there(&mut store, &call.visitor, district).await?;
                let sizes = store.sizes(district, back(call.site.now())).await?;
                store.back();
                Ok(Sizes { sizes })
            },
        ),
        read(
            "/districts/{district}/hold",
            "hold",
            "Show what is held, and why",
            async |call: Call<Nothing>| {
                let district = call.text("district");
                let (held, deeds) = holds::look(&call.site, &call.visitor, district).await?;
                Ok(HoldShown::of(held.as_ref(), deeds, false))
            },
        ),
        reveal(
            Operator,
            "/districts/{district}/hold/reveal",
            "reveal_hold",
            "Show what is held with the names of its samples",
            async |call: Call<WhyBody>| {
                let (district, why) = (call.text("district"), &call.asked.reason);
                let (held, deeds) = holds::reveal(&call.site, &call.visitor, district, why).await?;
                Ok(HoldShown::of(Some(&held), deeds, true))
            },
        ),
        write(
            Operator,
            "/districts/{district}/hold/approve",
            "approve",
            "Approve what is held, for the next run",
            async |call: Call<ApproveBody>| {
                let ApproveBody {
                    hash,
                    count,
                    reason,
                } = &call.asked;
                let district = call.text("district");
                holds::approve(&call.site, &call.visitor, district, hash, *count, reason).await
            },
        ),
        write(
            Operator,
            "/districts/{district}/hold/leave",
            "leave_held",
            "Note that what is held stays held",
            async |call: Call<WhyBody>| {
                let (district, why) = (call.text("district"), &call.asked.reason);
                holds::leave(&call.site, &call.visitor, district, why).await?;
                Ok(Done { done: true })
            },
        ),
        write(
            Operator,
            "/districts/{district}/hold/withdraw",
            "withdraw",
            "Take an approval back that no run has honoured yet",
            async |call: Call<WhyBody>| {
                let (district, why) = (call.text("district"), &call.asked.reason);
                holds::withdraw(&call.site, &call.visitor, district, why).await?;
                Ok(Done { done: true })
            },
        ),
        file(
            Admin,
            "/districts/{district}/export",
            "export",
            "Send the active roster of a district as a zip",
            async |call: Call<ExportBody>| {
                let ExportBody { format, reason } = &call.asked;
                let district = call.text("district");
                exports::export(&call.site, &call.visitor, district, format, reason).await
            },
        ),
        write(
            Admin,
            "/districts/{district}/forget",
            "forget_district",
            "Forget a whole district, or say what would go",
            async |call: Call<ForgetBody>| forgot(&call, None).await,
        ),
    ]
}

async fn forgot(call: &Call<ForgetBody>, person: Option<&str>) -> Result<Forgot, Trouble> {
    let ForgetBody {
        keep_out,
        dry_run,
        reason,
    } = &call.asked;
    let why = unless(*dry_run, reason);
    let district = call.text("district");
    let erased =
        forget::forget(&call.site, &call.visitor, district, person, *keep_out, why).await?;
    Ok(Forgot::of(erased, why.is_some()))
}

/// Which changes are asked for.
fn looked(asked: &AskedChanges) -> Looked {
    Looked {
        kind: asked.kind,
        op: asked.op,
        field: asked.field.clone(),
        run: asked.run,
        before: asked.before,
        limit: PAGE,
    }
}

fn of_records() -> Vec<Endpoint> {
    vec![
        read(
            "/districts/{district}/changes",
            "changes",
            "List the changes of a district, newest first",
            async |call: Call<AskedChanges>| {
                let looked = looked(&call.asked);
                changes::list(&call.site, &call.visitor, call.text("district"), &looked).await
            },
        ),
        reveal(
            Admin,
            "/districts/{district}/changes/reveal",
            "reveal_changes",
            "List the changes of a district with what their records are called",
            async |call: Call<RevealBody>| {
                let RevealBody { asked, reason } = &call.asked;
                let (district, looked) = (call.text("district"), looked(asked));
                let (page, names) =
                    changes::reveal(&call.site, &call.visitor, district, &looked, reason).await?;
                Ok(NamedChanges::of(page, names))
            },
        ),
        read(
            "/districts/{district}/changes/{seq}",
            "change",
            "Show a change, before and after",
            async |call: Call<Nothing>| {
                let (district, seq) = (call.text("district"), call.number("seq")?);
                may_see(&call.visitor, district)?;
                let filter = ChangeFilter {
                    after: seq.checked_sub(1).ok_or(Trouble::Missing)?,
                    limit: 1,
                    ..ChangeFilter::default()
                };
                let mut store = call.site.stores.of(district).await?;
                let mut found = store.changes(district, &filter).await?;
                store.back();
                found.retain(|change| change.seq == seq);
                found.pop().map(ChangeShown::of).ok_or(Trouble::Missing)
            },
        ),
        read(
            "/districts/{district}/records/{kind}/{id}",
            "record",
            "Show a record, and how it came to this",
            async |call: Call<Nothing>| {
                let (district, kind, id) =
                    (call.text("district"), call.text("kind"), call.text("id"));
                let found = records::find(&call.site, &call.visitor, district, kind, id).await?;
                Ok(RecordShown::of(found, false))
            },
        ),
        reveal(
            Operator,
            "/districts/{district}/records/{kind}/{id}/reveal",
            "reveal_record",
            "Show a record with its values",
            async |call: Call<WhyBody>| {
                let (district, kind, id) =
                    (call.text("district"), call.text("kind"), call.text("id"));
                let why = &call.asked.reason;
                let found =
                    records::reveal(&call.site, &call.visitor, district, kind, id, why).await?;
                Ok(RecordShown::of(found, true))
            },
        ),
        write(
            Admin,
            "/districts/{district}/records/users/{id}/forget",
            "forget_person",
            "Forget a person, or say what would go",
            async |call: Call<ForgetBody>| forgot(&call, Some(call.text("id"))).await,
        ),
        read(
            "/audit",
            "audit",
            "List who did what, newest first",
            async |call: Call<AskedDeeds>| {
                let only = call.visitor.person.district.as_ref();
                let of = only.or(call.asked.district.as_ref()).map(String::as_str);
                let (deeds, next) = audit::deeds(&call.site, of, call.asked.before, PAGE).await?;
                Ok(Deeds { next, deeds })
            },
        ),
    ]
}

fn of_accounts() -> Vec<Endpoint> {
    vec![
        read(
            "/reviews",
            "reviews",
            "List the questions that wait, oldest first",
            async |call: Call<AfterQuestion>| {
                let waiting = reviews::waiting(&call.site, &call.visitor, call.asked.after).await?;
                Ok(Reviews::of(waiting))
            },
        ),
        read(
            "/reviews/{question}",
            "review",
            "Show a question",
            async |call: Call<Nothing>| {
                let id = call.number("question")?;
                let review = reviews::open(&call.site, &call.visitor, id).await?;
                Ok(masked_review(review))
            },
        ),
        reveal(
            Operator,
            "/reviews/{question}/reveal",
            "reveal_review",
            "Show a question with both records",
            async |call: Call<WhyBody>| {
                let (id, why) = (call.number("question")?, &call.asked.reason);
                reviews::reveal(&call.site, &call.visitor, id, why).await
            },
        ),
        write(
            Operator,
            "/reviews/{question}/approve",
            "approve_review",
            "Answer that it is this account",
            async |call: Call<AnswerBody>| -> Result<Answer, Trouble> {
                let AnswerBody { account, reason } = &call.asked;
                let id = call.number("question")?;
                reviews::approve(&call.site, &call.visitor, id, account, reason).await
            },
        ),
        write(
            Operator,
            "/reviews/{question}/decline",
            "decline_review",
            "Answer that it is none of them",
            async |call: Call<DeclineBody>| {
                let (id, why) = (call.number("question")?, &call.asked.reason);
                reviews::decline(&call.site, &call.visitor, id, why).await?;
                Ok(Done { done: true })
            },
        ),
        read(
            "/accounts",
            "accounts",
            "List the app's accounts by their ids",
            async |call: Call<AfterAccount>| {
                let after = call.asked.after.as_deref();
                let (page, next) = accounts::page(&call.site, &call.visitor, after).await?;
                Ok(Accounts {
                    accounts: page.into_iter().map(Into::into).collect(),
                    next,
                })
            },
        ),
        read(
            "/accounts/{account}",
            "account",
            "Show an account",
            async |call: Call<BeforeEntry>| {
                let (id, before) = (call.text("account"), call.asked.before);
                let known = accounts::find(&call.site, &call.visitor, id, before).await?;
                Ok(AccountKnown::of(known, false))
            },
        ),
        reveal(
            Operator,
            "/accounts/{account}/reveal",
            "reveal_account",
            "Show an account with what is known of its holder",
            async |call: Call<WhyBody>| {
                let (id, why) = (call.text("account"), &call.asked.reason);
                let known = accounts::reveal(&call.site, &call.visitor, id, why).await?;
                Ok(AccountKnown::of(known, true))
            },
        ),
        write(
            Operator,
            "/accounts/{account}/merge",
            "merge",
            "Make two accounts one, or say what that would do",
            async |call: Call<MergeBody>| {
                let MergeBody {
                    other,
                    dry_run,
                    reason,
                } = &call.asked;
                let why = unless(*dry_run, reason);
                let id = call.text("account");
                let plan = accounts::merge(&call.site, &call.visitor, id, other, why).await?;
                Ok(PlanShown::of(plan, why.is_some()))
            },
        ),
        write(
            Operator,
            "/accounts/{account}/unmerge",
            "unmerge",
            "Make one account two again",
            async |call: Call<UnmergeBody>| {
                let UnmergeBody { merge, reason } = &call.asked;
                let id = call.text("account");
                accounts::unmerge(&call.site, &call.visitor, id, *merge, reason).await?;
                Ok(Done { done: true })
            },
        ),
        write(
            Operator,
            "/accounts/{account}/end",
            "end_sessions",
            "End the sessions of an account in the app",
            async |call: Call<WhyBody>| {
                let (id, why) = (call.text("account"), &call.asked.reason);
                let count = accounts::end_sessions(&call.site, &call.visitor, id, why).await?;
                Ok(Count { count })
            },
        ),
        write(
            Operator,
            "/alerts/test",
            "test_alerts",
            "Send a test to everybody whom alerts go to",
            async |call: Call<WhyBody>| {
                let why = &call.asked.reason;
                let told = districts::test_alerts(&call.site, &call.visitor, why).await?;
                Ok(Count { count: told as u64 })
            },
        ),
        write(
            Operator,
            "/accounts/{account}/unlink",
            "unlink",
            "Take a link back that somebody decided",
            async |call: Call<UnlinkBody>| {
                let UnlinkBody { user, reason } = &call.asked;
                let id = call.text("account");
                accounts::unlink(&call.site, &call.visitor, id, user, reason).await?;
                Ok(Done { done: true })
            },
        ),
    ]
}
