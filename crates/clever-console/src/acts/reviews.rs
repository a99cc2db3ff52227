//! Whose account is it? The questions that wait, and their answers.

use clever_model::DistrictId;
use clever_provision::AccountId;
use clever_provision::ledger::ReviewId;
use clever_provision::store::{Answer, Review};

use super::only;
use crate::door::Visitor;
use crate::site::{On, Site, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// So many questions are on a page.
const PAGE: u32 = 50;
/// Questions are counted to this many.
pub(crate) const MOST: u32 = 1_000;

/// A page of questions.
pub(crate) struct Waiting {
    /// The questions, oldest first.
    pub(crate) reviews: Vec<Review>,
    /// How many wait, counted to [`MOST`].
    pub(crate) count: u64,
    /// The question behind which the next page begins; none for the last page.
    pub(crate) next: Option<u64>,
}

/// The questions that wait, oldest first.
pub(crate) async fn waiting(
    site: &Site,
    visitor: &Visitor,
    after: Option<u64>,
) -> Result<Waiting, Trouble> {
    let only = only(visitor)?;
    let mut accounts = site.stores.accounts().await?;
    let reviews = accounts
        .open_reviews(only.as_ref(), after.map(ReviewId), PAGE)
        .await?;
    let count = accounts.waiting_reviews(only.as_ref(), MOST).await?;
    accounts.back();
    let next = reviews
        .last()
        .filter(|_| reviews.len() == PAGE as usize)
        .map(|last| last.id.0);
    Ok(Waiting {
        reviews,
        count,
        next,
    })
}

/// One question.
pub(crate) async fn open(site: &Site, visitor: &Visitor, id: u64) -> Result<Review, Trouble> {
    let mut accounts = site.stores.accounts().await?;
    let review = accounts.review(ReviewId(id)).await?;
    accounts.back();
    if only(visitor)?.is_some_and(|only| review.district.as_ref() != Some(&only)) {
        return Err(Trouble::Missing);
    }
    Ok(review)
}

/// One question for somebody who sees its records.
pub(crate) async fn reveal(
    site: &Site,
    visitor: &Visitor,
    id: u64,
    why: &str,
) -> Result<Review, Trouble> {
    needs(visitor, Role::Operator)?;
    let why = reason(why)?;
    let review = open(site, visitor, id).await?;
    note(site, visitor, &review, "reveal", why).await?;
    Ok(review)
}

/// It is this account; returns what the person enters now.
pub(crate) async fn approve(
    site: &Site,
    visitor: &Visitor,
    id: u64,
    account: &str,
    why: &str,
) -> Result<Answer, Trouble> {
    needs(visitor, Role::Operator)?;
    let review = open(site, visitor, id).await?;
    let account = AccountId::new(account);
    if !review.candidates.contains_key(&account) {
        return Err(Trouble::Wrong(
            "That account was not asked about.".to_owned(),
        ));
    }
    let mut accounts = site.stores.accounts().await?;
    let staff = visitor.person.name.as_str();
    let answer = accounts
        .approve(review.id, &account, staff, site.stores.tables(), site.now())
        .await?;
    accounts.back();
    let deed = match answer {
        Answer::Linked(_) => "link",
        Answer::Merged(_) => "merge",
    };
    note(site, visitor, &review, deed, why).await?;
    Ok(answer)
}

/// It is none of them.
pub(crate) async fn decline(
    site: &Site,
    visitor: &Visitor,
    id: u64,
    why: &str,
) -> Result<(), Trouble> {
    needs(visitor, Role::Operator)?;
    let review = open(site, visitor, id).await?;
    let mut accounts = site.stores.accounts().await?;
    let staff = visitor.person.name.as_str();
    accounts.decline(review.id, staff, site.now()).await?;
    accounts.back();
    note(site, visitor, &review, "decline", why).await
}

async fn note(
    site: &Site,
    visitor: &Visitor,
    review: &Review,
    deed: &str,
    why: &str,
) -> Result<(), Trouble> {
    let district = review.district.as_ref().map_or("", DistrictId::as_str);
    let mut store = site.stores.of(district).await?;
    let subject = format!("question {}", review.id);
    let on = On {
        district,
        subject: &subject,
        reason: why.trim(),
    };
    site.judge(&mut store, visitor, deed, on).await?;
    store.back();
    Ok(())
}
