//! The checks, once: what each is called, what Clever expects, and how apps that fail it usually mend it.

use serde::Serialize;

/// Declares the checks: the variant, its word in reports, its title, what is expected, how it is mended.
macro_rules! checks {
    ($($check:ident $word:literal $title:literal, $expects:literal, $mends:literal;)*) => {
        /// One check of the rehearsal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum Check {
            $(#[doc = $title] #[serde(rename = $word)] $check,)*
        }

        impl Check {
            /// Every check, in the order of the report.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$check),*];

            /// Its word, as in reports for programs.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$check => $word,)* }
            }

            /// What it is about, in a sentence without a full stop.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$check => $title,)* }
            }

            /// What Clever expects of an app.
            #[must_use]
            pub const fn expects(self) -> &'static str {
                match self { $(Self::$check => $expects,)* }
            }

            /// How apps that fail it usually mend it.
            #[must_use]
            pub const fn mends(self) -> &'static str {
                match self { $(Self::$check => $mends,)* }
            }
        }
    };
}

checks! {
    WithoutState "callback-without-state" "A callback without `state` is refused",
        "Status 400, 401 or 403, and the code is not redeemed. A redirect does not count, though logins from the portal \
         come this way: answer with a page that has the status 401 and begins the login again by itself.",
        "Answer a callback without `state` with 401 and a page that has `<meta http-equiv=\"refresh\" \
         content=\"0;url=/login\">` and a link. Never redeem its code.";
    ForgedState "forged-state" "A callback with a `state` that the app never gave is refused",
        "Status 400, 401 or 403, and the code is not redeemed.",
        "Keep the `state` of each login in the browser's session or a signed cookie, and compare it before anything else.";
    InvalidCode "invalid-code" "A made-up code is answered without a crash",
        "Status 302, 303, 400 or 401. Status 500 fails.",
        "Catch the error of the exchange, and show a page that offers the login again.";
    ReplayedCode "replayed-code" "A callback that comes twice signs in once",
        "Browsers load the callback again: by the back button, a reload, a second click. The second time the app continues with \
         the session that is there, or offers the login again; it does not crash, and another browser gets no session by it.",
        "Remember a digest of the code for some minutes. If it comes again, continue with the live session or begin a new login.";
    ExpiredCode "expired-code" "A code that is too old leads to a new login",
        "Clever refuses the exchange after a minute with 400. The app offers the login again, and does not answer with 500.",
        "Treat every answer of the exchange that is not 200 as a login that failed: a page with a link to begin again.";
    Clever429 "clever-429" "Clever's rate limit during a sign-in is survived",
        "Clever may answer 429 at each step. The app tries again later or says so, without status 500, and signs nobody in.",
        "Wait as the answer's reset header says and try again once or twice; then show a page that says to try later (503).";
    Clever500 "clever-500" "A fault of Clever's during a sign-in is survived",
        "Clever may answer 500 at each step. The app says so on a page of its own, without status 500, and signs nobody in. \
         The next login works.",
        "Catch the error of each call of a sign-in, and answer with a page that offers the login again (502 or 503).";
    CleverSlow "clever-slow" "A slow Clever is waited for",
        "Two seconds are no failure: the sign-in ends well, or in a page that says what to do.",
        "Give the calls of a sign-in at least ten seconds.";
    RedirectUri "redirect-uri" "The redirect URI is the registered one, over https",
        "The app sends the primary redirect URI exactly as it is registered; it is https, or on loopback during development, and \
         asks for `response_type=code`.",
        "Make the redirect URI from one setting of the app. Behind a proxy, frameworks write http or an inner host name: tell \
         them to trust the proxy's headers.";
    NothingLeaks "nothing-leaks" "No token and no code stands in a page, a header or an address",
        "After a sign-in no code is left in the browser's address, and no answer has a code or a token of Clever's in it. What \
         the callback answers is not kept and passes no `Referer` on.",
        "Answer the callback with a redirect to an address without the code. Send `Referrer-Policy: no-referrer` and \
         `Cache-Control: no-store` with it. Keep tokens on the server.";
    Referer "referer" "No token and no code leaves in a `Referer`",
        "No request from a page of the app to anybody else names a page with a code or a token in its address, whatever the page's \
         pictures, fonts and scripts ask for. It is read from the requests themselves.",
        "Send `Referrer-Policy: no-referrer` with the callback's answer, let no `<meta name=\"referrer\">` undo it, and load \
         nothing from others there. Lead on to an address without the code.";
    FriendlyErrors "friendly-errors" "What goes wrong is said in words for people",
        "A page for a teacher or a child: what happened and what to do, with a way on. No trace of the program, no raw error.",
        "Add an error page for the callback route that covers every error, and switch the debug pages of the framework off.";
    WayButton "way-button" "The button \u{201c}Log in with Clever\u{201d} leads in",
        "The login page has a link or a button that leads to Clever, and comes back signed in.",
        "Put Clever's button on the login page; its address is the app's own login route or `/oauth/authorize` at Clever.";
    WayPortal "way-portal" "The icon in Clever's portal leads in",
        "Who clicks the app in the portal is in the app a moment later, without a login page of the app's own.",
        "The callback comes without `state`: begin a login at Clever at once, which answers without asking anybody.";
    WayInstantLogin "way-instant-login" "An instant-login link leads in",
        "The link that districts put on their pages works as the portal does.",
        "As for the portal: it is the same callback without `state`.";
    WayLibrary "way-library" "An installation in the Library leads in",
        "A teacher who installs the app in Clever's Library is in the app a moment later.",
        "As for the portal. Read the person with the user's own token: there is no district token.";
    RoleStudent "role-student" "A student gets in", "The student is signed in, and no page says that something is wrong.",
        "Look at every key of `roles`. Most students have no address: don't ask for one.";
    RoleTeacher "role-teacher" "A teacher gets in", "The teacher is signed in, and no page says that something is wrong.",
        "Look at every key of `roles`, and at teachers without a section.";
    RoleStaff "role-staff" "Somebody of the staff gets in", "The person is signed in, and no page says that something is wrong.",
        "Staff are in `roles.staff`. If the app has no such role, treat them as teachers without classes.";
    RoleDistrictAdmin "role-district-admin" "An admin of the district gets in",
        "The person is signed in, and no page says that something is wrong.",
        "District admins belong to no school. If the app has no such role, treat them as teachers without classes.";
    RoleContact "role-contact" "A contact is let in, or reads why not",
        "An app for parents signs them in. Any other says in friendly words that it is not for them.",
        "Have a page for people whom the app has no place for: what it is for, whom to ask, and a way back.";
    TwoRoles "two-roles" "Somebody with two roles gets in",
        "A teacher who is staff, too, is one person with one account, and is signed in.",
        "`roles` has a key for each role. Don't stop at the first, and don't make two accounts.";
    MissingFields "missing-fields" "Somebody without an address or any optional field gets in",
        "Nothing but the id, the name and the school is sure to be there. The person is signed in, and no page shows `undefined` \
         or a crash.",
        "Make every field but the Clever id and the name optional, in the database as well.";
    NameShown "name-shown" "The page shows who is signed in", "The person's whole name is on the page after each login.",
        "Put the name beside the log-out button: computers in schools are shared.";
    NamesInAnyScript "names-in-any-script" "Names keep their accents, apostrophes and script",
        "A name is shown as Clever has it, letter for letter: O'Connor, Núñez, ليلى.",
        "Use UTF-8 from the database to the page, and escape for HTML once.";
    LogOut "log-out" "Who logs out stays out",
        "There is a button to log out. After it the app's page shows nobody, although Clever still knows the person.",
        "End the app's own session, and don't begin a login by itself on the page that follows.";
    SessionEnds "session-ends" "A session that was ended opens nothing any more",
        "The cookie of a session that was logged out is worth nothing, even if somebody has kept it.",
        "Keep sessions on the server and remove them at log-out. A session that is only a signed cookie can't be ended.";
    SharedDevice "shared-device" "The next one at the same computer is never the one before",
        "Somebody else who comes from Clever in the same browser is signed in as who he is, and the session before ends.",
        "In the callback, end whatever session the browser has before anything else.";
    SeveralTabs "several-tabs" "Logins in two tabs both end well",
        "Two logins that began in one browser both lead in, in any order.",
        "Keep a `state` for each login that is under way, not one for the browser.";
    BackButton "back-button" "The back button breaks nothing",
        "Who goes back after a login and comes again is still signed in, and sees no error.",
        "A code that comes again with a live session is answered with a redirect into the app.";
    UsersUnique "users-unique" "No Clever id has two accounts", "Each Clever id is there once, however often somebody signs in.",
        "Put a unique index on the column of the Clever id.";
    UsersComplete "users-complete" "Everybody whom the app should know is there",
        "All roles that the app takes, all pages of each list, and everybody is active.",
        "Follow the `next` links to their end, and ask for each role or for none.";
    UsersSisIds "users-sis-ids" "Very long and very short numbers stay as they are",
        "A `sis_id` is a text: no digit is lost, no zero goes.", "Keep `sis_id` as text, in the database and in JSON.";
    UsersArchived "users-archived" "Who is shared no longer is archived",
        "The account is closed to its holder and kept; it is not deleted.",
        "Compare Clever's whole list with the accounts, and archive who is missing: never delete.";
    UsersRestored "users-restored" "Who is shared again is restored", "It is the account from before, active again.",
        "Look for the Clever id among archived accounts, too, before a new one is made.";
    UsersRollover "users-rollover" "A new school year keeps the history of every account",
        "Everybody is in another grade, terms and sections are new, and each account is still there, if only archived.",
        "Key accounts on the Clever id alone; let no section or term that ends take people along.";
    UsersRekeyed "users-rekeyed" "A new Clever id makes no second account",
        "Clever gives a person another id after 300 days away, and when a district's system is re-keyed. The person has one \
         active account then.",
        "Recognise the same person before a new account is made: same district, same number, name and birthday, the old id gone. \
         Where less agrees, or it happens to many at once, hold it for a person to look at.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_a_word_of_its_own_and_says_all() {
        let mut words: Vec<_> = Check::ALL.map(Check::word).into_iter().collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Check::ALL.len());
        for check in Check::ALL {
            assert!(
                !check.title().ends_with('.') && check.expects().len() > 20,
                "{check:?}"
            );
            assert!(
                check.mends().ends_with('.') && check.expects().ends_with('.'),
                "{check:?}"
            );
        }
    }
}
