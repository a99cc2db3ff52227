//! What a sign-in has to say to people.

use axum::http::StatusCode;

/// What a person reads when a sign-in doesn't end in the application, or a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// The sign-in is not this browser's: its cookie is gone or blocked, or ten minutes have passed.
    Cookies,
    /// The sign-in was used or broken off, or took too long.
    Again,
    /// Clever refused the person, most often because nobody shares them with the application.
    ByClever,
    /// Clever could not be reached, or its answers do not stand.
    Failed,
    /// The sign-in could not be checked just now, which passes.
    Later,
    /// The application has trouble of its own: its settings, its clock, its database.
    Ours,
    /// The application refuses the person.
    Refused(Reason),
    /// What was asked for needs a sign-in first.
    SignInFirst,
    /// The session was ended just now, or there was none.
    SignedOut,
    /// Asks whether to sign out.
    SignOut,
    /// The sign-in was begun inside a frame, where Clever's pages do not show.
    Framed,
    /// An account link came back with another person than the one who began it. Nothing was linked.
    LinkOtherPerson,
    /// An account link came back to another session than the one that began it. Nothing was linked.
    LinkOtherSession,
    /// Clever refused an account link, or the application did for a reason. Nothing was linked.
    LinkRefused(Option<Reason>),
}

/// Why an application lets somebody not in, or does not link an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The application has no place for this person yet.
    NoPlace,
    /// The application is not for people of this sort, such as parents.
    NotForRole,
    /// The application is for schools that have connected it, not for single teachers and their classes.
    NotForLibrary,
    /// The student's teacher, who shares the class, has to sign in first.
    TeacherFirst,
    /// Nothing else opens the account, so it is not disconnected.
    OnlyWayIn,
    /// An administrator has closed the account.
    Closed,
    /// A person must decide first which account it is.
    Undecided,
    /// The records contradict each other, and a person must look at them.
    Unclear,
    /// The account belongs to somebody else at Clever already, or to somebody of another sort.
    OfSomebodyElse,
}

impl Reason {
    /// What happened, and what to do now, for a child and a teacher to read.
    #[must_use]
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::NoPlace => (
                "You are signed in to Clever, but this application has no place for you yet.",
                "Ask your teacher, or the person who looks after this application at your school.",
            ),
            Self::NotForRole => (
                "This application is not made for your kind of Clever account.",
                "Do you have another one, as a teacher or a student? Sign in with that. If not, ask the \
                 person who looks after this application at your school.",
            ),
            Self::NotForLibrary => (
                "This application is for schools that have connected it as a whole.",
                "Ask the person who looks after Clever at your school to connect it.",
            ),
            Self::TeacherFirst => (
                "Your teacher has to come first.",
                "This application does not know your class yet. Ask your teacher to sign in here once; then \
                 you can, too.",
            ),
            Self::OnlyWayIn => (
                "Clever is the only way into this account.",
                "Without it, nobody could open the account any more. Set a password first, then disconnect \
                 Clever.",
            ),
            Self::Closed => (
                "Your account in this application is closed.",
                "Only the person who looks after this application at your school can open it again. Your \
                 work is kept.",
            ),
            Self::Undecided => (
                "Somebody has to check first which account is yours.",
                "The person who looks after this application at your school can see that you are waiting. \
                 Ask them, and sign in again then.",
            ),
            Self::Unclear => (
                "This application can't tell which account is yours.",
                "Nothing is lost. The person who looks after this application has a note of this; ask them, \
                 and sign in again then.",
            ),
            Self::OfSomebodyElse => (
                "That account can't be connected with your Clever account.",
                "It belongs to another Clever account, or to another kind of person. If it is yours, ask \
                 the person who looks after this application at your school.",
            ),
        }
    }

    /// The reason in one word that stays, for a log or a table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoPlace => "no_place",
            Self::NotForRole => "not_for_role",
            Self::NotForLibrary => "not_for_library",
            Self::TeacherFirst => "teacher_first",
            Self::OnlyWayIn => "only_way_in",
            Self::Closed => "closed",
            Self::Undecided => "undecided",
            Self::Unclear => "unclear",
            Self::OfSomebodyElse => "of_somebody_else",
        }
    }
}

impl Notice {
    /// The HTTP status to say it with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Cookies | Self::Again | Self::LinkOtherSession => StatusCode::BAD_REQUEST,
            Self::ByClever | Self::Refused(_) | Self::LinkOtherPerson | Self::LinkRefused(_) => {
                StatusCode::FORBIDDEN
            }
            Self::Failed => StatusCode::BAD_GATEWAY,
            Self::Later | Self::Ours => StatusCode::SERVICE_UNAVAILABLE,
            Self::SignInFirst => StatusCode::UNAUTHORIZED,
            Self::SignedOut | Self::SignOut | Self::Framed => StatusCode::OK,
        }
    }

    /// What happened, and what to do now.
    #[must_use]
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Cookies => (
                "This sign-in could not be finished.",
                "It may have taken longer than ten minutes, or have been finished before, or this browser \
                 blocks cookies. Allow cookies for this site, then sign in again.",
            ),
            Self::Again => (
                "This sign-in is over.",
                "It was finished before, or it took too long. Please sign in again.",
            ),
            Self::ByClever => (
                "Clever did not let you through to this application.",
                "Your school may not have shared you with it. Ask your teacher, or the person who looks \
                 after Clever at your school.",
            ),
            Self::Failed => (
                "Clever could not be asked who you are.",
                "This is not your fault. Please try again in a minute.",
            ),
            Self::Later => (
                "Your sign-in can't be checked at the moment.",
                "This is not your fault. Please sign in again in half a minute.",
            ),
            Self::Ours => (
                "This application can't sign anybody in at the moment.",
                "This is not your fault, nor Clever's. Please try again later, and tell the person who looks \
                 after this application if it lasts.",
            ),
            Self::Refused(reason) => reason.text(),
            Self::SignInFirst => (
                "Please sign in first.",
                "Your session is over, or you have not signed in yet.",
            ),
            Self::SignedOut => (
                "You are signed out of this app.",
                "On a shared computer, sign out of Clever too: whoever comes next could sign in as you \
                 otherwise.",
            ),
            Self::SignOut => (
                "Do you want to sign out of this app?",
                "Your work stays where it is.",
            ),
            Self::Framed => (
                "Sign in in a window of its own.",
                "Clever's sign-in does not show inside another page.",
            ),
            Self::LinkOtherPerson => (
                "Nothing was connected: somebody else is signed in to Clever.",
                "The person who came back from Clever is not the one who began. Sign out of Clever, sign in \
                 there as yourself, and begin again.",
            ),
            Self::LinkOtherSession => (
                "Nothing was connected: it was begun in another session.",
                "You have signed in or out since then. Sign in and begin again.",
            ),
            Self::LinkRefused(Some(reason)) => reason.text(),
            Self::LinkRefused(None) => (
                "Nothing was connected.",
                "Your account here and Clever stay as they were. You can begin again at any time.",
            ),
        }
    }

    /// Whether an account link is what did not work: the way on is not to sign in.
    pub(super) fn is_of_link(self) -> bool {
        matches!(
            self,
            Self::LinkOtherPerson | Self::LinkOtherSession | Self::LinkRefused(_)
        )
    }
}
