//! What each version makes of one record of the world: which fields it has, under which id, with which values.
//!
//! Before v3.0 a field has to be named in [`fields`] to be served; v3.0 is v3.1 less what v3.1 added; v3.1 is the
//! record's own text, so that a recorded district comes back byte for byte. Texts are made of texts: values go over
//! as they stand, and nothing is read into a tree.

use std::borrow::Cow;
use std::ops::Range;

use aws_lc_rs::digest::{SHA256, digest};
use clever_model::{RecordKind, Role};
use serde_json::Value;

use super::cursor::{Cursor, word};
use super::fields::{self, At, Field};
use super::{Collection, Version};
use crate::world::{Record, World};

use Version::{V1_1, V2_1};

/// Finds other records of the world, for what a version embeds or names by another id.
pub(crate) trait Look {
    /// A record's text.
    fn text(&self, kind: RecordKind, id: &str) -> Option<Cow<'_, str>>;

    /// The id that a user had in a role before v3.0.
    fn old_id(&self, user: &str, role: Role) -> Option<String>;
}

impl Look for World {
    fn text(&self, kind: RecordKind, id: &str) -> Option<Cow<'_, str>> {
        Some(self.list(kind).get(id)?.json())
    }

    fn old_id(&self, user: &str, role: Role) -> Option<String> {
        let user = self.list(RecordKind::Users).get(user)?;
        Some(match user.made_old_id(role) {
            Some(id) => id.as_str().to_owned(),
            None => old_id(&user.json(), role),
        })
    }
}

/// A record as a version has it.
#[derive(Debug, Clone)]
pub(crate) struct Shaped<'t> {
    pub(crate) id: Cow<'t, str>,
    version: Version,
    fields: &'static [Field],
    /// Each field's JSON, where the record has it.
    values: Vec<Option<Cow<'t, str>>>,
    /// Behind the last field that was found: members mostly stand in the order of their names, as fields do.
    next: usize,
}

impl<'t> Shaped<'t> {
    fn new(version: Version, fields: &'static [Field]) -> Self {
        Self {
            id: Cow::Borrowed(""),
            version,
            fields,
            values: vec![None; fields.len()],
            next: 0,
        }
    }

    /// Where the field of this name is, if the version has it.
    fn position(&mut self, name: &str) -> Option<usize> {
        // Mostly it is one of the next few. Most names differ in length already: that costs nothing.
        let near = self.fields.get(self.next..).unwrap_or_default().iter();
        let near = near.take(4).position(|field| field.0 == name);
        let at = match near {
            Some(ahead) => self.next + ahead,
            None => {
                let at = self.fields.partition_point(|field| field.0 < name);
                let (found, ..) = self.fields.get(at)?;
                (*found == name).then_some(at)?
            }
        };
        self.next = at + 1;
        (self.fields[at].2 <= self.version).then_some(at)
    }

    /// Takes a member that stands at `place` in the world's record, where the version has such a field.
    fn take(&mut self, place: At, name: &str, value: &'t str) {
        if let Some(at) = self.position(name)
            && self.fields[at].1 == place
        {
            self.values[at] = narrowed(self.version, name, value);
        }
    }

    /// Gives a made field its value.
    fn set(&mut self, name: &str, value: impl Into<Cow<'t, str>>) {
        if let Some(at) = self.position(name) {
            self.values[at] = Some(value.into());
        }
    }

    /// Gives the record its id.
    fn named(mut self, id: Cow<'t, str>) -> Self {
        self.set("id", quoted(&id));
        self.id = id;
        self
    }

    /// Appends the record's JSON object.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut mark = "{\"";
        for ((name, ..), value) in self.fields.iter().zip(&self.values) {
            if let Some(value) = value {
                for part in [mark, name, "\":", value] {
                    out.extend_from_slice(part.as_bytes());
                }
                mark = ",\"";
            }
        }
        if mark.starts_with('{') {
            out.push(b'{');
        }
        out.push(b'}');
    }

    pub(crate) fn json(&self) -> String {
        let mut json = Vec::new();
        self.write(&mut json);
        // It is made of texts.
        String::from_utf8(json).unwrap_or_default()
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.json()).unwrap_or_default()
    }
}

/// What is read of a record beside the fields that go over as they stand.
#[derive(Default)]
struct Others<'t> {
    id: Cow<'t, str>,
    name: &'t str,
    /// Whether the record is a user of the role.
    has_role: bool,
    legacy_id: Option<Cow<'t, str>>,
    relations: &'t str,
    district_contact: &'t str,
    course: &'t str,
    term: &'t str,
    teacher: Option<&'t str>,
    teachers: &'t str,
}

impl<'t> Others<'t> {
    fn take(&mut self, name: &str, value: &'t str) {
        match name {
            "id" => self.id = word(value).unwrap_or_default(),
            "name" => self.name = value,
            "district_contact" => self.district_contact = value,
            "course" => self.course = value,
            "term_id" => self.term = value,
            "teacher" => self.teacher = Some(value),
            "teachers" => self.teachers = value,
            _ => {}
        }
    }

    fn take_of_role(&mut self, name: &str, value: &'t str) {
        match name {
            "legacy_id" => self.legacy_id = word(value),
            "student_relationships" => self.relations = value,
            _ => {}
        }
    }

    /// The id under which a version before v3.0 has the user in the role: students keep theirs, and so does who has
    /// no other.
    fn old_id(&self, role: Role) -> Cow<'t, str> {
        let legacy = self.legacy_id.as_ref().filter(|id| !id.is_empty());
        legacy
            .filter(|_| role != Role::Student)
            .unwrap_or(&self.id)
            .clone()
    }
}

/// Reads a record once.
fn read<'t>(
    version: Version,
    fields: &'static [Field],
    text: &'t str,
    role: Option<Role>,
) -> (Shaped<'t>, Others<'t>) {
    let mut shaped = Shaped::new(version, fields);
    let mut others = Others::default();
    let mut cursor = Cursor::new(text);
    cursor.open();
    while let Some(key) = cursor.key() {
        if let (Some(role), "roles") = (role, &*key) {
            read_roles(&mut cursor, role.as_str(), &mut shaped, &mut others);
            continue;
        }
        let value = cursor.value();
        others.take(&key, value);
        shaped.take(At::Top, &key, value);
    }
    (shaped, others)
}

fn read_roles<'t>(
    cursor: &mut Cursor<'t>,
    role: &str,
    shaped: &mut Shaped<'t>,
    others: &mut Others<'t>,
) {
    if !cursor.open() {
        cursor.value();
        return;
    }
    while let Some(key) = cursor.key() {
        if key != role || !cursor.open() {
            cursor.value();
            continue;
        }
        others.has_role = true;
        while let Some(key) = cursor.key() {
            let value = cursor.value();
            others.take_of_role(&key, value);
            shaped.take(At::Role, &key, value);
        }
    }
}

/// The id under which versions before v3.0 have the user with this text in a role.
pub(crate) fn old_id(text: &str, role: Role) -> String {
    let (_, others) = read(V1_1, &[], text, Some(role));
    others.old_id(role).into_owned()
}

/// The id of the contact that v1 makes of a contact and one of the students: a number of its own for each pair,
/// made at the contact's time.
pub(super) fn pair_id(contact: &str, student: &str) -> String {
    let pair = digest(&SHA256, format!("{contact} {student}").as_bytes());
    let number = pair.as_ref()[..8].iter();
    let number = number.fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let time = contact.get(..8).unwrap_or("00000000");
    format!("{time}{number:016x}")
}

/// What a version before v3.0 has of the record with this `text` in `collection`: nothing, one record, or one for
/// each of a contact's students.
pub(crate) fn shaped<'t>(
    version: Version,
    collection: Collection,
    text: &'t str,
    look: &dyn Look,
) -> Vec<Shaped<'t>> {
    let role = collection.role();
    let fields = match collection {
        Collection::Districts => fields::DISTRICT,
        Collection::Schools => fields::SCHOOL,
        Collection::Terms => fields::TERM,
        Collection::Courses => fields::COURSE,
        Collection::Sections => fields::SECTION,
        Collection::Students => fields::STUDENT,
        Collection::Teachers => fields::TEACHER,
        Collection::SchoolAdmins => fields::SCHOOL_ADMIN,
        Collection::DistrictAdmins => fields::DISTRICT_ADMIN,
        Collection::Contacts => fields::CONTACT,
        Collection::Users | Collection::Resources => return Vec::new(),
    };
    let (mut shaped, others) = read(version, fields, text, role);
    let Some(role) = role else {
        match collection {
            Collection::Districts if others.district_contact.starts_with('{') => {
                shaped.set(
                    "district_contact",
                    district_contact(others.district_contact),
                );
            }
            Collection::Sections => section(&mut shaped, &others, look),
            _ => {}
        }
        return vec![shaped.named(others.id)];
    };
    if !others.has_role {
        return Vec::new();
    }
    let id = others.old_id(role);
    match role {
        Role::Contact => return contacts(version, id, shaped, &others),
        Role::Staff | Role::DistrictAdmin if !others.name.is_empty() => {
            shaped.set("name", without(others.name, "middle"));
        }
        _ => {}
    }
    vec![shaped.named(id)]
}

/// A field's value as `version` has it; `None` where it can't say it.
fn narrowed<'t>(version: Version, name: &str, value: &'t str) -> Option<Cow<'t, str>> {
    let as_it_is = || Some(Cow::Borrowed(value));
    let old = version < V2_1;
    match name {
        "grade" | "low_grade" | "high_grade" | "gender" | "subject" | "state" if old => {}
        "home_language" => {}
        _ => return as_it_is(),
    }
    let Some(word) = word(value) else {
        let closed = matches!(name, "subject" | "state");
        return as_it_is().filter(|value| !(closed && value == "null"));
    };
    let word = match (name, &*word) {
        ("gender", "X") => "",
        ("gender", _) => return as_it_is(),
        ("home_language", word) => {
            return as_it_is().filter(|_| is_old_language(version, word));
        }
        (_, "") => return None,
        ("subject", _) => return as_it_is(),
        ("state", "success") if version.is_first() => "running",
        ("state", "paused") if version == V1_1 => "pending",
        ("state", _) => return as_it_is(),
        (_, word) if fields::OLD_GRADES.contains(&word) => return as_it_is(),
        _ => "Other",
    };
    Some(quoted(word))
}

/// Whether a version before v3.1 has a language.
fn is_old_language(version: Version, language: &str) -> bool {
    (language.is_empty() && version >= V2_1) || fields::OLD_LANGUAGES.contains(&language)
}

/// A text as JSON.
fn quoted(text: &str) -> Cow<'static, str> {
    if text
        .bytes()
        .any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
    {
        return Cow::Owned(Value::from(text).to_string());
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    for part in ["\"", text, "\""] {
        quoted.push_str(part);
    }
    Cow::Owned(quoted)
}

/// A contact's whole name: v3 keeps it where others have the last name.
fn whole_name(name: &str) -> String {
    let mut parts = ["first", "middle", "last"].map(|key| (key, Cow::Borrowed("")));
    let mut cursor = Cursor::new(name);
    let is_object = cursor.open();
    while let Some(key) = cursor.key().filter(|_| is_object) {
        let value = cursor.value();
        if let Some((_, part)) = parts.iter_mut().find(|(of, _)| *of == key) {
            *part = word(value).unwrap_or_default();
        }
    }
    let parts = parts.iter().map(|(_, part)| &**part);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// How a contact stands to a student.
#[derive(Default)]
struct Relation<'t> {
    student: Option<&'t str>,
    relationship: Option<&'t str>,
    kind: Option<&'t str>,
}

fn relations(list: &str) -> Vec<Relation<'_>> {
    let mut cursor = Cursor::new(list);
    let is_list = cursor.open_list();
    let items = std::iter::from_fn(|| cursor.item().filter(|_| is_list));
    let relation = |item| {
        let mut relation = Relation::default();
        let mut cursor = Cursor::new(item);
        let is_object = cursor.open();
        while let Some(key) = cursor.key().filter(|_| is_object) {
            let value = Some(cursor.value());
            match &*key {
                "student" => relation.student = value,
                "relationship" => relation.relationship = value,
                "type" => relation.kind = value,
                _ => {}
            }
        }
        relation
    };
    items.map(relation).collect()
}

/// v2: one contact with its students. v1: a contact for each of them.
fn contacts<'t>(
    version: Version,
    id: Cow<'t, str>,
    mut contact: Shaped<'t>,
    others: &Others<'t>,
) -> Vec<Shaped<'t>> {
    contact.set("name", quoted(&whole_name(others.name)));
    let relations = relations(others.relations);
    let related = |relation: Option<&Relation<'t>>| {
        let mut contact = contact.clone();
        let words = relation.map(|one| [("relationship", one.relationship), ("type", one.kind)]);
        for (name, value) in words.into_iter().flatten() {
            if let Some(value) = value.filter(|value| value.starts_with('"')) {
                contact.set(name, value);
            }
        }
        contact
    };
    if !version.is_first() {
        let mut contact = related(relations.first());
        let students = relations.iter().map(|one| one.student.unwrap_or("null"));
        let students: Vec<&str> = students.collect();
        contact.set("students", format!("[{}]", students.join(",")));
        return vec![contact.named(id)];
    }
    let of_each = relations.iter().filter_map(|relation| {
        let raw = relation.student?;
        let pair = pair_id(&id, &word(raw)?);
        let mut contact = related(Some(relation));
        contact.set("student", raw);
        Some(contact.named(pair.into()))
    });
    of_each.collect()
}

/// The members of an object with these names, which ascend.
fn only(object: &str, names: &[&str]) -> String {
    let mut values = vec![None; names.len()];
    let mut cursor = Cursor::new(object);
    cursor.open();
    while let Some(key) = cursor.key() {
        let value = cursor.value();
        if let Some(at) = names.iter().position(|name| *name == key) {
            values[at] = Some(value);
        }
    }
    let mut kept = names.iter().zip(values);
    let kept = kept.by_ref().filter_map(|(name, value)| {
        let value = match value? {
            value if *name == "name" => without(value, "middle"),
            value => value.into(),
        };
        Some(format!("\"{name}\":{value}"))
    });
    let kept: Vec<String> = kept.collect();
    format!("{{{}}}", kept.join(","))
}

/// v2.1 has the contact of a district as one of its admins.
fn district_contact(contact: &str) -> String {
    only(contact, &["district", "email", "id", "name", "title"])
}

/// How a district's connection is doing, as v1 has it under a path of its own.
pub(crate) fn status(version: Version, district: &str) -> Value {
    let (mut status, others) = read(version, fields::STATUS, district, None);
    status.set("instant_login", "true");
    status.named(others.id).value()
}

/// Names teachers by the ids of their role; v1 has the course and the term inside.
fn section<'t>(section: &mut Shaped<'t>, others: &Others<'t>, look: &dyn Look) {
    let teacher = |raw: &'t str| -> Cow<'t, str> {
        let found = word(raw).and_then(|id| look.old_id(&id, Role::Teacher));
        // Whoever is not there any more keeps the name that is left.
        found.map_or(Cow::Borrowed(raw), |id| quoted(&id))
    };
    if let Some(primary) = others.teacher {
        let named = word(primary).is_some_and(|id| !id.is_empty());
        let primary = if named {
            teacher(primary)
        } else {
            primary.into()
        };
        section.set("teacher", primary);
    }
    let mut all = Cursor::new(others.teachers);
    if all.open_list() {
        let mut list = String::from("[");
        while let Some(one) = all.item() {
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str(&teacher(one));
        }
        list.push(']');
        section.set("teachers", list);
    }
    if !section.version.is_first() {
        return;
    }
    let id = word(others.course).unwrap_or_default();
    if let Some(course) = look.text(RecordKind::Courses, &id) {
        let mut cursor = Cursor::new(&course);
        cursor.open();
        while let Some(key) = cursor.key() {
            let value = cursor.value();
            match &*key {
                "name" => section.set("course_name", value.to_owned()),
                "number" => section.set("course_number", value.to_owned()),
                _ => {}
            }
        }
    }
    let id = word(others.term).unwrap_or_default();
    if let Some(term) = look.text(RecordKind::Terms, &id) {
        section.set("term", only(&term, &["end_date", "name", "start_date"]));
    }
}

/// The ids of what [`shaped`] makes of a user.
pub(crate) fn old_ids(version: Version, collection: Collection, user: &Record<'_>) -> Vec<String> {
    let Some(role) = collection.role() else {
        return Vec::new();
    };
    let many = role == Role::Contact && version.is_first();
    if !many
        && user.has_role(role)
        && let Some(id) = user.made_old_id(role)
    {
        return vec![id.as_str().to_owned()];
    }
    let text = user.json();
    let (_, others) = read(version, &[], &text, Some(role));
    if !others.has_role {
        return Vec::new();
    }
    let id = others.old_id(role);
    if !many {
        return vec![id.into_owned()];
    }
    let students = relations(others.relations).into_iter();
    let students = students.filter_map(|relation| word(relation.student?));
    students.map(|student| pair_id(&id, &student)).collect()
}

/// An object's text without a member.
fn without<'t>(object: &'t str, name: &str) -> Cow<'t, str> {
    let mut cuts = Vec::new();
    let mut cursor = Cursor::new(object);
    if cursor.open() {
        let mut members = Members::default();
        while let Some(key) = cursor.key() {
            members.begin(&cursor, key != name, &mut cuts);
            cursor.value();
            members.end(&cursor, &mut cuts);
        }
        members.close(&mut cuts);
    }
    if cuts.is_empty() {
        return Cow::Borrowed(object);
    }
    Cow::Owned(cut(object, &cuts).collect())
}

/// Appends what v3.0 has of a record's text, or of that of a part of one: it is without what v3.1 added, and
/// otherwise the same byte for byte.
pub(crate) fn v3_0(kind: RecordKind, text: &str, out: &mut Vec<u8>) {
    let added = fields::ADDED.iter().find(|(of, _)| *of == kind);
    let added = added.map_or(&[][..], |(_, names)| names);
    if added.is_empty() {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut cuts = Vec::new();
    let mut cursor = Cursor::new(text);
    if cursor.open() {
        let mut members = Members::default();
        while let Some(key) = cursor.key() {
            members.begin(&cursor, !added.contains(&&*key), &mut cuts);
            if kind == RecordKind::Users && key == "roles" {
                cut_roles(&mut cursor, &mut cuts);
            } else {
                cursor.value();
            }
            members.end(&cursor, &mut cuts);
        }
        members.close(&mut cuts);
    }
    for part in cut(text, &cuts) {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Cuts what v3.1 added to students.
fn cut_roles(cursor: &mut Cursor<'_>, cuts: &mut Vec<Range<usize>>) {
    if !cursor.open() {
        cursor.value();
        return;
    }
    while let Some(role) = cursor.key() {
        if role != "student" || !cursor.open() {
            cursor.value();
            continue;
        }
        let mut members = Members::default();
        while let Some(key) = cursor.key() {
            let mut value = *cursor;
            let keep = match &*key {
                "home_language" => narrowed(Version::V3_0, &key, value.value()).is_some(),
                key => !fields::ADDED_TO_STUDENTS.contains(&key),
            };
            members.begin(cursor, keep, cuts);
            cursor.value();
            members.end(cursor, cuts);
        }
        members.close(cuts);
    }
}

/// The members of an object, some of which are cut out, each with one of the commas beside it.
#[derive(Default)]
struct Members {
    /// Whether the member that began last stays.
    stays: bool,
    /// The end of the last member.
    end: usize,
    /// Whether one stayed.
    any: bool,
    /// The start of those that go before any stays.
    start: Option<usize>,
}

impl Members {
    /// A member's key was read.
    fn begin(&mut self, cursor: &Cursor<'_>, stays: bool, cuts: &mut Vec<Range<usize>>) {
        self.stays = stays;
        if !stays && !self.any {
            self.start.get_or_insert(cursor.key_at());
        } else if stays {
            self.any = true;
            cuts.extend(self.start.take().map(|start| start..cursor.key_at()));
        }
    }

    /// Its value was read.
    fn end(&mut self, cursor: &Cursor<'_>, cuts: &mut Vec<Range<usize>>) {
        if !self.stays && self.any {
            cuts.push(self.end..cursor.at());
        }
        self.end = cursor.at();
    }

    /// All were read.
    fn close(self, cuts: &mut Vec<Range<usize>>) {
        cuts.extend(self.start.map(|start| start..self.end));
    }
}

/// What the cuts, which ascend, leave of a text.
fn cut<'t>(text: &'t str, cuts: &[Range<usize>]) -> impl Iterator<Item = &'t str> {
    let starts = [0].into_iter().chain(cuts.iter().map(|cut| cut.end));
    let ends = cuts.iter().map(|cut| cut.start).chain([text.len()]);
    let parts = starts.zip(ends);
    parts.map(|(start, end)| text.get(start..end).unwrap_or_default())
}
