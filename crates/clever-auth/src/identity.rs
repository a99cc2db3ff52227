//! Who has signed in: what `/me`, `/userinfo` and an id token say, and whether they agree.

use std::fmt;

use clever_model::{DistrictId, Timestamp, UserId};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::message::{Answer, AnswerError, read};

/// Who shares a user with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authority {
    /// The user's district.
    District,
    /// The teacher, through Clever Library.
    Teacher,
}

/// An address as Clever has it: nobody has checked that the person reads its mail.
///
/// It never identifies anyone, so it has no conversion to an address that was checked. Its `Debug`
/// hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct UnverifiedEmail(Box<str>);

impl UnverifiedEmail {
    /// Returns the text, to show to its owner or to send a check to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UnverifiedEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedEmail(…)")
    }
}

/// What one source, or several that agree, say of the user. Every field but `id` may be missing. `Debug` shows ids only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) id: UserId,
    legacy_id: Option<UserId>,
    district: Option<DistrictId>,
    kind: Option<String>,
    authorized_by: Option<String>,
    email: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// The shown fields that the sources have otherwise.
    differing: Vec<&'static str>,
}

/// Two sources contradict each other about the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Clever's answers disagree about the user's {field}")]
pub struct Disagreement {
    /// What they disagree about.
    pub field: &'static str,
}

/// Longest text of a person that is kept, in bytes.
const MAX_TEXT: usize = 1024;

/// A text to show; missing, `null`, blank and what is no text are all "no value".
fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?.trim();
    (!text.is_empty() && text.len() <= MAX_TEXT).then(|| text.to_owned())
}

/// The word for who shares the user; one that can't be read is an error, not an absent one.
fn authorized_by(object: &Map<String, Value>) -> Result<Option<String>, AnswerError> {
    const NAME: &str = "authorized_by";
    match object.get(NAME) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word.len() <= MAX_TEXT => {
            let word = word.trim().to_ascii_lowercase();
            Ok(Some(word).filter(|word| !word.is_empty()))
        }
        Some(_) => Err(AnswerError::Missing(NAME)),
    }
}

/// A text field that is an id; an unusable one is an error, not an absent one.
fn id<T: std::str::FromStr>(
    object: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<T>, AnswerError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => text
            .parse()
            .map(Some)
            .map_err(|_| AnswerError::Missing(name)),
        Some(_) => Err(AnswerError::Missing(name)),
    }
}

/// Reads `/me` in the shape of any version from v1.2 to v3.1.
pub(crate) fn me(answer: &Answer) -> Result<Statement, AnswerError> {
    let whole: Map<String, Value> = read(answer)?;
    let data = whole
        .get("data")
        .and_then(Value::as_object)
        .ok_or(AnswerError::Missing("data"))?;
    let name = data.get("name").and_then(Value::as_object);
    let part = |part| name.and_then(|name| text(name, part));
    Ok(Statement {
        id: id(data, "id")?.ok_or(AnswerError::Missing("data.id"))?,
        legacy_id: None,
        district: id(data, "district")?,
        // v1 has the type outside only; v3 says `user` outside and sometimes the role inside.
        kind: role(text(data, "type").or_else(|| text(&whole, "type"))),
        authorized_by: authorized_by(data)?,
        email: text(data, "email"),
        given_name: part("first"),
        family_name: part("last"),
        differing: Vec::new(),
    })
}

/// Reads `/userinfo`, or the claims of an id token, which have the same names.
pub(crate) fn claims(object: &Map<String, Value>) -> Result<Statement, AnswerError> {
    let subject: UserId = id(object, "sub")?.ok_or(AnswerError::Missing("sub"))?;
    if id(object, "multi_role_user_id")?.is_some_and(|same: UserId| same != subject) {
        return Err(AnswerError::Missing("multi_role_user_id"));
    }
    let (long, short) = (id(object, "district_id")?, id(object, "district")?);
    if long.is_some() && short.is_some() && long != short {
        return Err(AnswerError::Missing("district"));
    }
    Ok(Statement {
        id: subject,
        legacy_id: id(object, "user_id")?,
        district: long.or(short),
        kind: role(text(object, "user_type")),
        authorized_by: authorized_by(object)?,
        email: text(object, "email"),
        given_name: text(object, "given_name"),
        family_name: text(object, "family_name"),
        differing: Vec::new(),
    })
}

/// Reads an answer of `/userinfo`.
pub(crate) fn user_info(answer: &Answer) -> Result<Statement, AnswerError> {
    claims(&read(answer)?)
}

/// A role as a word of its own; `user` says nothing.
fn role(kind: Option<String>) -> Option<String> {
    let kind = kind?.trim().to_ascii_lowercase().replace(' ', "_");
    match kind.as_str() {
        "user" => None,
        "school_admin" => Some("staff".to_owned()),
        _ => Some(kind),
    }
}

impl Statement {
    /// Says who shares the user. Where Clever doesn't, or in a word that is not known, a district's
    /// presence tells: without one, nobody gets a district's reach.
    pub(crate) fn authority(&self) -> Authority {
        match (self.authorized_by.as_deref(), &self.district) {
            (Some("teacher"), _) => Authority::Teacher,
            (Some("district"), _) | (_, Some(_)) => Authority::District,
            (_, None) => Authority::Teacher,
        }
    }

    pub(crate) fn district(&self) -> Option<&DistrictId> {
        self.district.as_ref()
    }

    pub(crate) fn role(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Joins what two sources say. Ids, district and authority are the same in both, or said by one alone.
    ///
    /// What is only shown (name, address, role) is taken from the earlier source that has it: spelling, a
    /// preferred name or a change between two calls keeps nobody out. A difference is noted, without values.
    pub(crate) fn agree(mut self, other: Self) -> Result<Self, Disagreement> {
        fn one<T: PartialEq>(
            field: &'static str,
            a: Option<T>,
            b: Option<T>,
        ) -> Result<Option<T>, Disagreement> {
            match (a, b) {
                (Some(a), Some(b)) if a != b => Err(Disagreement { field }),
                (a, b) => Ok(a.or(b)),
            }
        }
        if self.id != other.id {
            // `/me` of v2 and of demo tokens has the id from before v3; the claims name both.
            if other.legacy_id.as_ref() != Some(&self.id) {
                return Err(Disagreement { field: "id" });
            }
            self.id = other.id;
        }
        let mut differing = self.differing;
        let mut shown = |field, a: Option<String>, b: Option<String>| {
            if a.is_some() && b.is_some() && a != b && !differing.contains(&field) {
                differing.push(field);
            }
            a.or(b)
        };
        // Both parts of a name are one source's, lest a change between two calls make up a third person.
        let mine = (self.given_name, self.family_name);
        let theirs = (other.given_name, other.family_name);
        let whole = |name: &(Option<_>, Option<_>)| name.0.is_some() && name.1.is_some();
        let some = |name: &(Option<_>, Option<_>)| name.0.is_some() || name.1.is_some();
        let take_theirs = !some(&mine) || (!whole(&mine) && whole(&theirs));
        let names = [
            (mine.0.clone(), theirs.0.clone()),
            (mine.1.clone(), theirs.1.clone()),
        ];
        for (a, b) in names {
            shown("name", a, b);
        }
        let (given_name, family_name) = if take_theirs { theirs } else { mine };
        Ok(Self {
            id: self.id,
            legacy_id: one("legacy id", self.legacy_id, other.legacy_id)?,
            district: one("district", self.district, other.district)?,
            authorized_by: one("authority", self.authorized_by, other.authorized_by)?,
            kind: shown("role", self.kind, other.kind),
            email: shown("address", self.email, other.email),
            given_name,
            family_name,
            differing,
        })
    }
}

/// How a login came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Entry {
    /// From our own sign-in button.
    App,
    /// From Clever's portal, Library or an instant-login link, then restarted by us with a `state`.
    Restarted,
    /// From Clever without a `state`, which [`crate::login::StatePolicy::AllowLoginCsrf`] let through.
    Unbound,
}

/// A user whom Clever has just signed in, for us, in this browser.
///
/// Only the end of a login makes one. It can't be copied, stored or built, so whoever holds one holds
/// the proof. `Debug` shows ids only.
pub struct VerifiedLogin {
    statement: Statement,
    entry: Entry,
    id_token: bool,
    verified_at: Timestamp,
    digest: [u8; 32],
}

impl VerifiedLogin {
    pub(crate) fn new(statement: Statement, entry: Entry, verified_at: Timestamp) -> Self {
        let mut hash = Sha256::new();
        let s = &statement;
        for part in [
            Some(s.id.as_str()),
            s.legacy_id.as_ref().map(UserId::as_str),
            s.district.as_ref().map(DistrictId::as_str),
            s.kind.as_deref(),
            s.authorized_by.as_deref(),
            s.email.as_deref(),
        ] {
            let part = part.unwrap_or_default();
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self {
            digest: hash.finalize().into(),
            statement,
            entry,
            id_token: false,
            verified_at,
        }
    }

    /// Notes that an id token was checked, and stood.
    pub(crate) fn with_id_token(mut self, checked: bool) -> Self {
        self.id_token = checked;
        self
    }

    /// Says whether Clever sent an id token for this login, which was checked.
    #[must_use]
    pub fn had_id_token(&self) -> bool {
        self.id_token
    }

    /// Clever's id of the person: the one key of an account link.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.statement.id
    }

    /// The id that one of the person's roles had before API v3, where Clever says.
    #[must_use]
    pub fn legacy_id(&self) -> Option<&UserId> {
        let legacy = self.statement.legacy_id.as_ref();
        legacy.filter(|id| **id != self.statement.id)
    }

    /// The person's district; Library teachers may have none.
    #[must_use]
    pub fn district(&self) -> Option<&DistrictId> {
        self.statement.district.as_ref()
    }

    /// Who shares the person with us, as of this login.
    #[must_use]
    pub fn authority(&self) -> Authority {
        self.statement.authority()
    }

    /// The role of this login, a hint: all roles are in the person's record.
    #[must_use]
    pub fn role_hint(&self) -> Option<&str> {
        self.statement.kind.as_deref()
    }

    /// The address that Clever has, if any; young students have none.
    #[must_use]
    pub fn email(&self) -> Option<UnverifiedEmail> {
        let email = self.statement.email.as_deref();
        email.map(|text| UnverifiedEmail(text.into()))
    }

    /// Given and family name, to show who is signed in.
    #[must_use]
    pub fn name(&self) -> (Option<&str>, Option<&str>) {
        let s = &self.statement;
        (s.given_name.as_deref(), s.family_name.as_deref())
    }

    /// The names of the shown fields that Clever's answers had otherwise, each once: `name`, `address`, `role`.
    #[must_use]
    pub fn differing(&self) -> &[&'static str] {
        &self.statement.differing
    }

    /// How the login came to us.
    #[must_use]
    pub fn entry(&self) -> Entry {
        self.entry
    }

    /// When the login was verified.
    #[must_use]
    pub fn verified_at(&self) -> Timestamp {
        self.verified_at
    }

    /// A digest of what Clever said, for a ledger.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("id", &self.id)
            .field("district", &self.district)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifiedLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedLogin")
            .field("user_id", self.user_id())
            .field("district", &self.district())
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(body: &str) -> Answer {
        Answer {
            status: 200,
            body: body.into(),
        }
    }

    #[test]
    fn every_versions_me_is_understood() {
        use Authority::{District, Teacher};
        for (version, body, district, kind, authority) in [
            (
                "v1.2",
                r#"{"type":"school_admin","data":{"id":"a1","district":"d1","email":"","name":{"first":"A"}},
                    "links":[{"rel":"self","uri":"/me"}]}"#,
                Some("d1"),
                Some("staff"),
                District,
            ),
            (
                "v2.0",
                r#"{"data":{"id":"a1","type":"teacher"}}"#,
                None,
                Some("teacher"),
                Teacher,
            ),
            (
                "v2.1",
                r#"{"data":{"id":"a1","type":"teacher","authorized_by":"teacher"},"links":[]}"#,
                None,
                Some("teacher"),
                Teacher,
            ),
            (
                "v3.0",
                r#"{"type":"user","data":{"id":"a1","district":"d1","type":"user","authorized_by":"district"}}"#,
                Some("d1"),
                None,
                District,
            ),
            (
                "v3.1",
                r#"{"type":"user","data":{"id":"a1","district":null,"type":"user","authorized_by":"teacher"}}"#,
                None,
                None,
                Teacher,
            ),
            (
                "a word that nobody lists",
                r#"{"data":{"id":"a1","authorized_by":"guardian"}}"#,
                None,
                None,
                Teacher,
            ),
            (
                "demo",
                r#"{"data":{"id":"a1","district":"d1","type":"teacher"}}"#,
                Some("d1"),
                Some("teacher"),
                District,
            ),
        ] {
            let me = me(&answer(body)).unwrap();
            assert_eq!(me.id.as_str(), "a1", "{version}");
            assert_eq!(
                me.district.as_ref().map(DistrictId::as_str),
                district,
                "{version}"
            );
            assert_eq!(me.kind.as_deref(), kind, "{version}");
            assert_eq!(me.authority(), authority, "{version}");
            assert_eq!(me.email, None, "{version}");
        }
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"data":{}}"#,
            r#"{"data":{"id":7}}"#,
            r#"{"data":{"id":"../x"}}"#,
        ] {
            assert!(me(&answer(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_id_from_before_v3_gives_way_to_the_subject() {
        let me = me(&answer(r#"{"data":{"id":"old","district":"d1"}}"#)).unwrap();
        let info = user_info(&answer(
            r#"{"sub":"new","user_id":"old","multi_role_user_id":"new","district":"d1","name":{"first":"A"}}"#,
        ));
        let login = VerifiedLogin::new(
            me.agree(info.unwrap()).unwrap(),
            Entry::App,
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(login.user_id().as_str(), "new");
        assert_eq!(login.legacy_id().unwrap().as_str(), "old");
    }

    fn said(body: &str) -> Statement {
        user_info(&answer(body)).unwrap()
    }

    /// What is only shown differs from source to source; whoever is the same person signs in.
    #[test]
    fn field_f7_another_spelling_keeps_nobody_out() {
        let me = |fields: &str| {
            let body = format!(r#"{{"data":{{"id":"a1","district":"d1",{fields}}}}}"#);
            me(&answer(&body)).unwrap()
        };
        let ana = r#""type":"teacher","email":"ana.rivera@school.example","name":{"first":"Ana","last":"Núñez"}"#;
        for (info, differing) in [
            (r#""email":"Ana.Rivera@School.example""#, &["address"][..]),
            (r#""email":" ana.rivera@school.example ""#, &[]),
            (r#""given_name":"Ana ","family_name":"Núñez""#, &[]),
            (r#""given_name":"ANA","family_name":"Nunez""#, &["name"]),
            ("\"family_name\":\"Nu\u{303}n\u{303}ez\"", &["name"]),
            (r#""given_name":"Anita","family_name":"Núñez""#, &["name"]),
            (
                r#""given_name":"Ana","family_name":"Rivera-Núñez""#,
                &["name"],
            ),
            (r#""user_type":"district admin""#, &["role"]),
            (r#""user_type":"Teacher""#, &[]),
            (
                r#""user_type":"student","email":"x","given_name":"y""#,
                &["name", "role", "address"],
            ),
            (
                r#""given_name":null,"family_name":"","email":7,"user_type":["teacher"]"#,
                &[],
            ),
        ] {
            let info = said(&format!(r#"{{"sub":"a1","district":"d1",{info}}}"#));
            let joined = me(ana).agree(info.clone()).unwrap().agree(info).unwrap();
            assert_eq!(joined.differing, differing);
            let login = VerifiedLogin::new(joined, Entry::App, Timestamp::UNIX_EPOCH);
            assert_eq!(login.name(), (Some("Ana"), Some("Núñez")));
            assert_eq!(login.email().unwrap().as_str(), "ana.rivera@school.example");
            assert_eq!(login.role_hint(), Some("teacher"));
            assert_eq!(login.differing(), differing);
        }
    }

    #[test]
    fn field_f7_a_name_is_one_sources() {
        let name = |mine: &str, theirs: &str| {
            let of = |fields: &str| said(&format!(r#"{{"sub":"a1"{fields}}}"#));
            let joined = of(mine).agree(of(theirs)).unwrap();
            let part = |part: Option<String>| part.unwrap_or_default();
            format!("{} {}", part(joined.given_name), part(joined.family_name))
        };
        let whole = r#","given_name":"Bea","family_name":"Vogel""#;
        assert_eq!(
            name(r#","given_name":"Ana","family_name":"Rivera""#, whole),
            "Ana Rivera"
        );
        assert_eq!(name("", whole), "Bea Vogel");
        assert_eq!(name(r#","given_name":"Ana""#, whole), "Bea Vogel");
        assert_eq!(name(whole, ""), "Bea Vogel");
        assert_eq!(
            name(r#","given_name":"Ana""#, r#","family_name":"Vogel""#),
            "Ana "
        );
    }

    /// What an account is linked by needs proof from all who say something; what can't be read is no silence.
    #[test]
    fn field_f7_ids_district_and_authority_agree_or_are_said_by_one_alone() {
        let one =
            || said(r#"{"sub":"a1","user_id":"a0","district":"d1","authorized_by":"district"}"#);
        for (other, field) in [
            (r#"{"sub":"a2","user_id":"a0","district":"d1"}"#, "id"),
            (r#"{"sub":"A1","user_id":"a0"}"#, "id"),
            (r#"{"sub":"a1","user_id":"a9"}"#, "legacy id"),
            (r#"{"sub":"a1","district":"d2"}"#, "district"),
            (r#"{"sub":"a1","district_id":"d2"}"#, "district"),
            (r#"{"sub":"a1","district":"D1"}"#, "district"),
            (r#"{"sub":"a1","authorized_by":"teacher"}"#, "authority"),
            (r#"{"sub":"a1","authorized_by":"guardian"}"#, "authority"),
        ] {
            assert_eq!(
                one().agree(said(other)),
                Err(Disagreement { field }),
                "{other}"
            );
        }
        for silent in [
            r#"{"sub":"a1"}"#,
            r#"{"sub":"a1","user_id":null,"district":"","authorized_by":""}"#,
            r#"{"sub":"a1","authorized_by":" District "}"#,
        ] {
            let (joined, back) = (one().agree(said(silent)), said(silent).agree(one()));
            assert_eq!(joined.unwrap().district(), one().district(), "{silent}");
            assert_eq!(back.unwrap().authority(), Authority::District, "{silent}");
        }
        for unreadable in [
            r#"{"user_id":"a1","district":"d1"}"#,
            r#"{"sub":null}"#,
            r#"{"sub":7}"#,
            r#"{"sub":"a1","district":7}"#,
            r#"{"sub":"a1","district":["d1"]}"#,
            r#"{"sub":"a1","district":" d1"}"#,
            r#"{"sub":"a1","district":"d1","district_id":"d2"}"#,
            r#"{"sub":"a1","user_id":{}}"#,
            r#"{"sub":"a1","multi_role_user_id":"a2"}"#,
            r#"{"sub":"a1","authorized_by":7}"#,
            r#"{"sub":"a1","authorized_by":["district"]}"#,
        ] {
            assert!(user_info(&answer(unreadable)).is_err(), "{unreadable}");
        }
        assert!(me(&answer(r#"{"data":{"id":"a1","authorized_by":true}}"#)).is_err());
    }

    proptest! {
        #[test]
        fn p24_sources_that_differ_in_what_identifies_make_no_login(
            field in prop::sample::select(vec!["sub", "user_id", "district", "user_type", "email", "authorized_by", "given_name"]),
            other in "[a-z]{9}",
        ) {
            let mut one = Map::new();
            for (name, value) in [
                ("sub", "a1"), ("user_id", "a0"), ("district", "d1"), ("user_type", "teacher"),
                ("email", "a@x.example"), ("authorized_by", "district"), ("given_name", "Ada"),
            ] {
                one.insert(name.to_owned(), value.into());
            }
            let mut two = one.clone();
            prop_assert!(claims(&one).unwrap().agree(claims(&two).unwrap()).is_ok());
            two.insert(field.to_owned(), other.into());
            let joined = claims(&one).unwrap().agree(claims(&two).unwrap());
            if matches!(field, "user_type" | "email" | "given_name") {
                let shown = joined.unwrap();
                prop_assert_eq!(shown.differing.len(), 1);
                prop_assert_eq!(Statement { differing: Vec::new(), ..shown }, claims(&one).unwrap());
            } else {
                prop_assert!(joined.is_err());
            }
            if field != "sub" {
                // Silence is no contradiction.
                two.remove(field);
                prop_assert!(claims(&one).unwrap().agree(claims(&two).unwrap()).is_ok());
            }
        }
    }
}
