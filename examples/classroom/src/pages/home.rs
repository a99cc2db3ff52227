//! The front page: the sign-in for nobody; classes, schools and worksheets for somebody.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use clever_model::{DistrictId, Role};
use clever_web::{LibraryClass, SignedIn};
use maud::{Markup, html};

use super::{page, plan, token};
use crate::forms::Sent;
use crate::roster::Class;
use crate::site::{Me, Site};

/// The front page, for everybody.
pub(crate) async fn show(
    State(site): State<Site>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let found = site.login.user(&headers).await;
    match found.map_err(|error| site.login.failed(&*error))? {
        Some(me) => Ok(of(&site, &me).await?.into_response()),
        None => Ok(sign_in(&site).into_response()),
    }
}

fn sign_in(site: &Site) -> Markup {
    let content = html! {
        p { "Classes, students and worksheets, with the account that your school gave you." }
        p { a.button id="log-in" href=(site.login.sign_in(None)) { "Log in with Clever" } }
        p.hint { "You can also start in Clever's portal, in Clever Library or by an instant-login link." }
        @if let Some(demo) = &site.demo {
            section aria-labelledby="demo" {
                h2 id="demo" { "This demonstration brings its own Clever" }
                p { "Nobody in it is real. Pick anybody on the next page. Other ways in:" }
                ul { @for (name, url) in &demo.ways { li { a href=(url) { (name) } } } }
                p { "These teachers had an account here before Clever; sign in as one of them and prove it:" }
                div.scroll tabindex="0" {
                    table {
                        thead { tr { th scope="col" { "Teacher" } th scope="col" { "Address" } th scope="col" { "Password" } } }
                        tbody {
                            @for (who, email, password) in &demo.before {
                                tr { td { (who) } td { code { (email) } } td { code { (password) } } }
                            }
                        }
                    }
                }
            }
        }
    };
    page("Welcome to Classroom", None, &content)
}

async fn of(site: &Site, me: &SignedIn) -> Result<Markup, Response> {
    let member = site.or_failed(site.members.member(&me.account).await)?;
    let roles = &me.profile.roles;
    let (mut teaches, mut learns, mut schools) = (Vec::new(), Vec::new(), Vec::new());
    let mut is_known = true;
    if let Some(district) = &me.profile.district {
        let roster = &site.roster;
        is_known = site.or_failed(roster.knows(district).await)?;
        if roles.contains(&Role::Teacher) {
            teaches = match newer(site, me, district).await? {
                Some(classes) => classes.iter().map(listed).collect(),
                None => site.or_failed(roster.classes(district, &me.user, "teacher").await)?,
            };
        }
        if roles.contains(&Role::Student) {
            learns = site.or_failed(roster.classes(district, &me.user, "student").await)?;
        }
        let all = roles.contains(&Role::DistrictAdmin);
        if all || roles.contains(&Role::Staff) {
            let whose = (!all).then_some(&me.user);
            schools = site.or_failed(roster.schools(district, whose).await)?;
        }
    }
    let shared = if me.profile.is_of_district() {
        Vec::new()
    } else {
        let found = site.members.fresh().of(&me.user, None).await;
        site.or_failed(found)?.unwrap_or_default()
    };
    let works = site.or_failed(site.members.works(&me.account).await)?;
    let is_adult = !roles.contains(&Role::Student);
    let content = html! {
        (plan(me))
        @if is_adult && member.as_ref().is_some_and(|member| !member.greeted) {
            p { a href="/hello" { "Look at what we know of you" } }
        }
        @if !is_known {
            p role="status" { "Your district's classes are being read. Load this page again in a minute." }
        }
        @if roles.contains(&Role::Teacher) {
            section aria-labelledby="teaches" {
                h2 id="teaches" { "My classes" }
                @if me.profile.is_of_district() { (list(&teaches, true)) } @else { (library(&shared)) }
            }
        }
        @if roles.contains(&Role::Student) {
            section aria-labelledby="learns" { h2 id="learns" { "My classes" } (list(&learns, false)) }
        }
        @if !schools.is_empty() {
            section aria-labelledby="schools" {
                h2 id="schools" { "My schools" }
                ul.cards { @for school in &schools {
                    li { strong { (school.name) } span { (school.students) " students" } }
                } }
            }
        }
        @if is_adult {
            section aria-labelledby="works" {
                h2 id="works" { "My worksheets" }
                @if works.is_empty() { p { "None yet." } }
                ul { @for title in &works { li { (title) } } }
                form method="post" action="/works" {
                    (token(&me.form))
                    label for="title" { "New worksheet" }
                    input id="title" name="title" required maxlength="100";
                    button.second { "Add" }
                }
            }
        }
    };
    let title = format!("Hello, {}", me.profile.name);
    Ok(page(&title, Some(me), &content))
}

fn list(classes: &[Class], teaches: bool) -> Markup {
    html! {
        @if classes.is_empty() { p { "None at the moment." } }
        ul.cards {
            @for class in classes {
                li {
                    @if teaches { a href={ "/classes/" (class.id) } { (class.name) } }
                    @else { strong { (class.name) } }
                    @if let Some(subject) = &class.subject { span { (subject) } }
                    @if teaches { span { (class.students) " students" } } @else { span { (class.teachers) } }
                }
            }
        }
    }
}

/// The classes that a teacher shares through Clever Library: read at the sign-in, no roster behind them.
fn library(classes: &[LibraryClass]) -> Markup {
    html! {
        @if classes.is_empty() { p { "You share no class with Classroom. Choose some in Clever Library." } }
        @for class in classes {
            details {
                summary { (text(&class.section["name"])) " (" (class.students.len()) " students)" }
                ul { @for student in &class.students {
                    li { (name(student)) }
                } }
            }
        }
    }
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn name(person: &serde_json::Value) -> String {
    let name = &person["name"];
    format!("{} {}", text(&name["first"]), text(&name["last"]))
}

/// A teacher's classes as the sign-in found them, if the roster is from before it.
async fn newer(
    site: &Site,
    me: &SignedIn,
    district: &DistrictId,
) -> Result<Option<Vec<LibraryClass>>, Response> {
    let synced = site.or_failed(site.roster.read_at(district).await)?;
    let found = site.members.fresh().of(&me.user, synced).await;
    site.or_failed(found)
}

fn listed(class: &LibraryClass) -> Class {
    Class {
        id: class.id.clone(),
        name: called(class),
        subject: class.section["subject"].as_str().map(str::to_owned),
        teachers: String::new(),
        students: i64::try_from(class.students.len()).unwrap_or(i64::MAX),
    }
}

fn called(class: &LibraryClass) -> String {
    class.section["name"]
        .as_str()
        .unwrap_or("A class")
        .to_owned()
}

/// One class of a teacher's own.
pub(crate) async fn class(
    State(site): State<Site>,
    me: Me,
    Path(id): Path<String>,
) -> Result<Response, Response> {
    let me = me.0;
    let found = match &me.profile.district {
        Some(district) => match newer(&site, &me, district).await? {
            Some(classes) => classes
                .iter()
                .find(|class| class.id == id)
                .map(|class| (called(class), class.students.iter().map(name).collect())),
            None => site.or_failed(site.roster.students(district, &me.user, &id).await)?,
        },
        None => None,
    };
    let Some((name, students)) = found else {
        let content = html! { p { "You have no class at this address." } };
        let page = page("No such class", Some(&me), &content);
        return Ok((StatusCode::NOT_FOUND, page).into_response());
    };
    let content = html! {
        p { (students.len()) " students" }
        ol { @for student in &students { li { (student) } } }
        p { a href="/" { "All my classes" } }
    };
    Ok(page(&name, Some(&me), &content).into_response())
}

/// Adds a worksheet.
pub(crate) async fn add_work(
    State(site): State<Site>,
    Sent { me, form, .. }: Sent,
) -> Result<Response, Response> {
    let title: String = form.title.trim().chars().take(100).collect();
    if !title.is_empty() {
        let members = &site.members;
        let added = members.add_work(&me.account, Some(&me), &title, site.now());
        site.or_failed(added.await)?;
    }
    Ok(Redirect::to("/").into_response())
}
