//! Every way in, and everybody.

use crate::CertificationUser as User;
use clever_model::Role;

use super::People;
use crate::certify::browser::BrowserError;
use crate::certify::browser::person::Sight;
use crate::certify::check::Check;
use crate::certify::finding::{Outcome, Verdict};
use crate::certify::visit::page;
use crate::certify::visit::visitor::bare;

impl People<'_> {
    /// The button, the portal and the instant-login link; the first brings a student, the second a teacher.
    pub(super) async fn ways(&mut self) {
        let entry = self.enter(User::LongSisId, Way::Button).await;
        let role = entry.as_ref().map(Entry::of_role).ok();
        let sent = "opened the login page, clicked what leads to Clever, signed in as a student";
        self.found(Check::WayButton, sent, entry.map(|entry| entry.of_way()))
            .await;
        if let Some(outcome) = role {
            self.found(Check::RoleStudent, "signed in as a student", Ok(outcome))
                .await;
        }
        let entry = self.enter(User::Teacher, Way::Portal).await;
        let sent = "signed in at Clever's portal as a teacher, clicked the app's icon";
        self.found(Check::WayPortal, sent, entry.map(|entry| entry.of_way()))
            .await;
        let entry = self
            .enter(User::Neighbour, Way::Door("/oauth/instant-login"))
            .await;
        let sent = "followed an instant-login link as a student";
        self.found(
            Check::WayInstantLogin,
            sent,
            entry.map(|entry| entry.of_way()),
        )
        .await;
    }

    /// The Library, at last: its people are read in another way.
    pub(super) async fn library(&mut self) {
        let sent = "installed the app in Clever's Library as a teacher";
        if !self.person.app.library {
            let why = "the app is not in the Library (--library)";
            self.findings
                .push(Outcome::not_run(why).found(Check::WayLibrary, sent));
            return;
        }
        let entry = self
            .enter(User::LibraryTeacher, Way::Door("/library/install"))
            .await;
        self.found(Check::WayLibrary, sent, entry.map(|entry| entry.of_way()))
            .await;
    }

    /// The other roles, somebody with two, and somebody of whom hardly anything is known.
    pub(super) async fn roles(&mut self) {
        for (check, user, what) in [
            (Check::RoleTeacher, User::Teacher, "a teacher"),
            (Check::RoleStaff, User::Staff, "somebody of the staff"),
            (
                Check::RoleDistrictAdmin,
                User::DistrictAdmin,
                "an admin of the district",
            ),
            (
                Check::TwoRoles,
                User::TwoRoles,
                "a teacher who is staff, too",
            ),
            (Check::RoleContact, User::Contact, "a contact"),
        ] {
            let sent = format!("signed in as {what}");
            let has_place = user
                .roles()
                .iter()
                .any(|role| self.person.app.roles.contains(role));
            let outcome = if has_place {
                self.enter_by_button(user).await
            } else if user.roles() == [Role::Contact] {
                self.turned_away(user).await
            } else {
                Ok(Outcome::not_run(
                    "the app has no place for this role (--roles)",
                ))
            };
            self.found(check, sent, outcome).await;
        }
        let user = User::Sparse;
        let entry = self.enter(user, Way::Button).await;
        let outcome = entry.map(|entry| match (&entry, entry.of_role()) {
            (Entry::At(sight, _), outcome) if outcome.verdict == Verdict::Passed => {
                let raw = page::raw_words(&sight.text);
                if raw.is_empty() {
                    return outcome;
                }
                let told = sight.told();
                Outcome::failed(format!("the page says “{}”: {told}", raw.join("”, “")))
            }
            (_, outcome) => outcome,
        });
        let sent = "signed in as a student of whom only the name and the school are known";
        self.found(Check::MissingFields, sent, outcome).await;
    }

    /// Whether pages showed names, and letter for letter.
    pub(super) async fn names(&mut self) {
        let entered = self.enter_by_button(User::RightToLeft).await;
        let all = self.came_in.clone();
        let missing: Vec<String> = all
            .iter()
            .filter(|(_, shown)| !shown)
            .map(|(user, _)| user.full_name())
            .collect();
        let sent = "looked for the whole name after each login";
        let none = !self.shows_names();
        let shown = match all.len() {
            0 => Outcome::not_run("nobody came in"),
            _ if none => Outcome::needs_work("no page shows who is signed in"),
            _ => Outcome::passed("pages show who is signed in"),
        };
        self.found(Check::NameShown, sent, Ok(shown)).await;
        let sent = "looked for names with accents, apostrophes and from right to left";
        let scripts = match entered {
            Err(error) => Err(error),
            Ok(_) if none => Ok(Outcome::not_run("no page shows who is signed in")),
            Ok(_) if missing.is_empty() => {
                Ok(Outcome::passed("each name was shown as Clever has it"))
            }
            Ok(_) => Ok(Outcome::failed(format!(
                "not shown: {}",
                missing.join(", ")
            ))),
        };
        self.found(Check::NamesInAnyScript, sent, scripts).await;
    }

    async fn enter_by_button(&mut self, user: User) -> Result<Outcome, BrowserError> {
        self.enter(user, Way::Button)
            .await
            .map(|entry| entry.of_role())
    }

    async fn enter(&mut self, user: User, way: Way) -> Result<Entry, BrowserError> {
        self.person.fresh().await?;
        let sight = match way {
            Way::Button => match self.person.by_button(user).await? {
                Some(sight) => sight,
                None => return Ok(Entry::NoButton(bare(&self.person.app.login_url))),
            },
            Way::Portal => self.person.by_portal(user).await?,
            Way::Door(path) => self.person.by_door(path, user).await?,
        };
        self.note(user, &sight);
        Ok(Entry::At(sight, user))
    }

    /// Somebody for whom the app has no place, and who should read that in friendly words.
    async fn turned_away(&mut self, user: User) -> Result<Outcome, BrowserError> {
        self.person.fresh().await?;
        let Some(sight) = self.person.by_button(user).await? else {
            return Ok(Outcome::not_run("nothing leads to Clever"));
        };
        if !sight.is_app {
            return Ok(Outcome::not_run("the way in did not lead to the app"));
        }
        let raw = page::raw_words(&sight.text);
        Ok(if raw.is_empty() && !sight.text.trim().is_empty() {
            Outcome::passed(sight.told())
        } else {
            Outcome::failed(sight.told())
        })
    }
}

enum Way {
    Button,
    Portal,
    Door(&'static str),
}

/// Where a way in ended.
enum Entry {
    /// Nothing on this page leads to Clever.
    NoButton(String),
    At(Sight, User),
}

impl Entry {
    /// Whether the way leads in; what a page says that knows the person is the role's affair.
    fn of_way(&self) -> Outcome {
        match self {
            Self::NoButton(at) => Outcome::failed(format!("nothing on {at} leads to Clever")),
            Self::At(sight, _) if !sight.is_app => Outcome::failed(format!(
                "the browser is not at the app, but at {}",
                sight.told()
            )),
            Self::At(sight, user) if sight.shows(*user) || sight.has_log_out => {
                Outcome::passed(sight.told())
            }
            Self::At(sight, user) if sight.is_in(*user) && sight.wrong().is_empty() => {
                Outcome::passed(sight.told())
            }
            Self::At(sight, _) => Outcome::failed(format!("nobody is signed in: {}", sight.told())),
        }
    }

    /// Whether the person was let in.
    fn of_role(&self) -> Outcome {
        let (sight, user) = match self {
            Self::At(sight, user) if sight.is_app => (sight, *user),
            _ => return Outcome::not_run("the way in did not lead to the app"),
        };
        let (told, wrong) = (sight.told(), sight.wrong());
        if !wrong.is_empty() {
            Outcome::failed(format!("the page says “{}”: {told}", wrong.join("”, “")))
        } else if sight.is_in(user) {
            Outcome::passed(told)
        } else {
            Outcome::failed(format!("nobody is signed in: {told}"))
        }
    }
}
