//! How a world is read: the records of one kind by ascending id, a base and what was changed in it as one.

use std::borrow::Cow;
use std::collections::btree_map;
use std::ops::{Bound, Range};

use clever_model::{RecordKind, Role};
use serde_json::Value;

use super::base::{Base, text};
use super::overlay::{Kept, Overlay};
use super::roles::Roles;
use super::stamp::Id;

/// One record, found but not yet written. Its text is made when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a>(Source<'a>);

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Kept(&'a str, &'a Kept),
    Made(&'a dyn Base, RecordKind, u32),
}

impl<'a> Record<'a> {
    /// The record's id.
    #[must_use]
    pub fn id(&self) -> Cow<'a, str> {
        match self.0 {
            Source::Kept(id, _) => Cow::Borrowed(id),
            Source::Made(base, kind, at) => Cow::Owned(base.id(kind, at).as_str().to_owned()),
        }
    }

    /// Appends the record's id to `out`.
    pub(crate) fn write_id(&self, out: &mut Vec<u8>) {
        match self.0 {
            Source::Kept(id, _) => out.extend_from_slice(id.as_bytes()),
            Source::Made(base, kind, at) => {
                out.extend_from_slice(base.id(kind, at).as_str().as_bytes());
            }
        }
    }

    /// The record's JSON object.
    #[must_use]
    pub fn json(&self) -> Cow<'a, str> {
        match self.0 {
            Source::Kept(_, kept) => Cow::Borrowed(&*kept.json),
            Source::Made(base, kind, at) => Cow::Owned(text(base, kind, at)),
        }
    }

    /// Appends the record's JSON object to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.0 {
            Source::Kept(_, kept) => out.extend_from_slice(kept.json.as_bytes()),
            Source::Made(base, kind, at) => base.write(kind, at, out),
        }
    }

    /// The record as a JSON value.
    #[must_use]
    pub fn value(&self) -> Value {
        // A record got in as an object, so it reads as one.
        serde_json::from_str(&self.json()).unwrap_or_default()
    }

    /// The record's text where it is kept, not made.
    pub(crate) fn kept(&self) -> Option<&'a str> {
        match self.0 {
            Source::Kept(_, kept) => Some(&kept.json),
            Source::Made(..) => None,
        }
    }

    /// The id that a user had in `role` before API v3, known without reading the record; `None` for one that is
    /// kept as text.
    pub(crate) fn made_old_id(&self, role: Role) -> Option<Id> {
        match self.0 {
            Source::Made(base, RecordKind::Users, at) => Some(base.old_id(at, role)),
            _ => None,
        }
    }

    /// Says whether the record is a user of this role.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.roles().has(role)
    }

    pub(crate) fn roles(&self) -> Roles {
        match self.0 {
            Source::Kept(_, kept) => kept.roles,
            Source::Made(base, RecordKind::Users, at) => base.roles(at),
            Source::Made(..) => Roles::default(),
        }
    }
}

/// The records of one kind, by id, ascending.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    kind: RecordKind,
    base: Option<&'a dyn Base>,
    overlay: &'a Overlay,
    role: Option<Role>,
}

impl<'a> List<'a> {
    pub(super) fn new(kind: RecordKind, base: Option<&'a dyn Base>, overlay: &'a Overlay) -> Self {
        Self {
            kind,
            base,
            overlay,
            role: None,
        }
    }

    /// The records of `overlay` alone, of whatever kind.
    pub(crate) fn of(overlay: &'a Overlay) -> Self {
        Self::new(RecordKind::Resources, None, overlay)
    }

    /// Only the users of `role`.
    #[must_use]
    pub fn with_role(self, role: Role) -> Self {
        Self {
            role: Some(role),
            ..self
        }
    }

    /// How many records there are; nothing is walked for it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.role {
            Some(role) => {
                let below = self.users().map_or(0, |base| base.count(role));
                self.overlay.role_len(role, below)
            }
            None => self.overlay.len(self.below()),
        }
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many records the base has.
    fn below(&self) -> u32 {
        self.base.map_or(0, |base| base.len(self.kind))
    }

    /// The base, if this is a list of users.
    fn users(&self) -> Option<&'a dyn Base> {
        self.base.filter(|_| self.kind == RecordKind::Users)
    }

    /// The record with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Record<'a>> {
        let found = match self.overlay.records.get_key_value(id) {
            Some((id, kept)) => Record(Source::Kept(id, kept.as_ref()?)),
            None => {
                let base = self.base?;
                let at = base.position(self.kind, id).ok()?;
                Record(Source::Made(base, self.kind, at))
            }
        };
        self.fits(&found).then_some(found)
    }

    /// Says whether there is a record with this id.
    #[must_use]
    pub fn contains_key(&self, id: &str) -> bool {
        self.get(id).is_some()
    }

    fn fits(&self, record: &Record<'_>) -> bool {
        self.role.is_none_or(|role| record.has_role(role))
    }

    /// The record in the `number`-th place for drawing lots, if there is one: each record has one place below
    /// [`List::places`], and some places are empty.
    pub(crate) fn at_place(&self, number: usize) -> Option<Record<'a>> {
        let span = self.span();
        let found = match number.checked_sub(span.len()) {
            Some(number) => self.get(self.overlay.places().get(number)?)?,
            None => {
                let at = span.start + u32::try_from(number).ok()?;
                let made = Record(Source::Made(self.base?, self.kind, at));
                let over = if self.overlay.records.is_empty() {
                    None
                } else {
                    self.overlay.records.get_key_value(&*made.id())
                };
                match over {
                    None => made,
                    // One with a place of its own is drawn there.
                    Some((id, kept)) => {
                        let kept = kept.as_ref().filter(|kept| kept.slot.is_none())?;
                        Record(Source::Kept(id, kept))
                    }
                }
            }
        };
        self.fits(&found).then_some(found)
    }

    /// How many places [`List::at_place`] has.
    pub(crate) fn places(&self) -> usize {
        self.span().len() + self.overlay.places().len()
    }

    /// The positions of the base that may be in the list.
    fn span(&self) -> Range<u32> {
        match (self.users(), self.role) {
            (Some(base), Some(role)) => base.range(role),
            _ => 0..self.below(),
        }
    }

    /// The records between two ids, without these.
    #[must_use]
    pub fn range(&self, after: Option<&str>, before: Option<&str>) -> Iter<'a> {
        let mut base = self.span();
        let position = |id| self.base.map(|base| base.position(self.kind, id));
        if let Some(at) = after.and_then(position) {
            base.start = base.start.max(at.map_or_else(|at| at, |at| at + 1));
        }
        if let Some(Ok(at) | Err(at)) = before.and_then(position) {
            base.end = base.end.min(at);
        }
        base.start = base.start.min(base.end);
        let bounds = (
            after.map_or(Bound::Unbounded, Bound::Excluded),
            before.map_or(Bound::Unbounded, Bound::Excluded),
        );
        // The standard library refuses a range that ends before it starts.
        let backwards = after
            .zip(before)
            .is_some_and(|(after, before)| after >= before);
        let overlay = (!backwards).then(|| self.overlay.records.range::<str, _>(bounds));
        Iter {
            list: *self,
            base: if backwards { 0..0 } else { base },
            overlay: overlay.unwrap_or_default(),
            front: None,
            back: None,
        }
    }

    /// All records with their ids.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (String, Record<'a>)> + Clone + use<'a> {
        self.values()
            .map(|record| (record.id().into_owned(), record))
    }

    /// All ids.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = String> + Clone + use<'a> {
        self.values().map(|record| record.id().into_owned())
    }

    /// All records.
    #[must_use]
    pub fn values(&self) -> Iter<'a> {
        self.range(None, None)
    }
}

/// A kept record on its way out, and where it lies among the base's.
#[derive(Debug, Clone, Copy)]
struct Next<'a> {
    id: &'a str,
    kept: Option<&'a Kept>,
    /// The base's record of that id, or the position of the first above it.
    at: Result<u32, u32>,
}

/// Records in the order of their ids, from either end.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    list: List<'a>,
    base: Range<u32>,
    overlay: btree_map::Range<'a, Box<str>, Option<Kept>>,
    front: Option<Next<'a>>,
    back: Option<Next<'a>>,
}

impl<'a> Iter<'a> {
    fn look(&self, id: &'a str, kept: Option<&'a Kept>) -> Next<'a> {
        let at = self
            .list
            .base
            .map_or(Err(0), |base| base.position(self.list.kind, id));
        Next { id, kept, at }
    }

    fn made(&self, at: u32) -> Option<Record<'a>> {
        Some(Record(Source::Made(self.list.base?, self.list.kind, at)))
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            if self.front.is_none() {
                self.front = match self.overlay.next() {
                    Some((id, kept)) => Some(self.look(id, kept.as_ref())),
                    None => self.back.take(),
                };
            }
            let record = match self.front {
                Some(Next { id, kept, at })
                    if self.base.is_empty() || self.base.start >= at.unwrap_or_else(|at| at) =>
                {
                    self.front = None;
                    if at == Ok(self.base.start) && !self.base.is_empty() {
                        self.base.start += 1;
                    }
                    kept.map(|kept| Record(Source::Kept(id, kept)))
                }
                _ => {
                    let at = self.base.next()?;
                    self.made(at)
                }
            };
            match record {
                Some(record) if self.list.fits(&record) => return Some(record),
                _ => {}
            }
        }
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if self.back.is_none() {
                self.back = match self.overlay.next_back() {
                    Some((id, kept)) => Some(self.look(id, kept.as_ref())),
                    None => self.front.take(),
                };
            }
            let record = match self.back {
                Some(Next { id, kept, at })
                    if self.base.is_empty()
                        || self.base.end <= at.map_or_else(|at| at, |at| at + 1) =>
                {
                    self.back = None;
                    if !self.base.is_empty() && at == Ok(self.base.end - 1) {
                        self.base.end -= 1;
                    }
                    kept.map(|kept| Record(Source::Kept(id, kept)))
                }
                _ => {
                    let at = self.base.next_back()?;
                    self.made(at)
                }
            };
            match record {
                Some(record) if self.list.fits(&record) => return Some(record),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::world::base::search;

    /// Users with even numbers up to `count`, students before teachers.
    #[derive(Debug)]
    struct Even(u32);

    impl Base for Even {
        fn len(&self, kind: RecordKind) -> u32 {
            if kind == RecordKind::Users { self.0 } else { 0 }
        }
        fn count(&self, role: Role) -> u32 {
            u32::try_from(self.range(role).len()).unwrap()
        }
        fn range(&self, role: Role) -> Range<u32> {
            match role {
                Role::Student => 0..self.0 / 2,
                Role::Teacher => self.0 / 2..self.0,
                _ => 0..0,
            }
        }
        fn id(&self, _: RecordKind, at: u32) -> Id {
            Id::new(*b"0123456789abcdef", 2 * at)
        }
        fn position(&self, kind: RecordKind, id: &str) -> Result<u32, u32> {
            search(self, kind, id)
        }
        fn roles(&self, at: u32) -> Roles {
            let role = Role::ALL
                .into_iter()
                .filter(|role| self.range(*role).contains(&at));
            role.collect()
        }
        fn old_id(&self, at: u32, _: Role) -> Id {
            self.id(RecordKind::Users, at)
        }
        fn write(&self, kind: RecordKind, at: u32, out: &mut Vec<u8>) {
            let text = text(self.id(kind, at).as_str(), at < self.0 / 2);
            out.extend_from_slice(text.as_bytes());
        }
        fn sections_of(&self, _: u32) -> Vec<u32> {
            Vec::new()
        }
        fn at_school(&self, _: RecordKind, _: u32) -> Vec<u32> {
            Vec::new()
        }
        fn contacts_of(&self, _: u32) -> Vec<u32> {
            Vec::new()
        }
    }

    fn id(number: u32) -> String {
        format!("0123456789abcdef{number:08x}")
    }

    fn text(id: &str, student: bool) -> String {
        let role = if student { "student" } else { "teacher" };
        format!(r#"{{"id":"{id}","roles":{{"{role}":{{}}}}}}"#)
    }

    proptest! {
        /// A base and its overlay read as the map that went through the same changes.
        #[test]
        fn a_list_is_the_map_that_it_stands_for(
            count in 0_u32..12,
            changes in prop::collection::vec((0_u32..30, 0_u8..3), 0..40),
            after in prop::option::of(0_u32..32),
            before in prop::option::of(0_u32..32),
            takes in prop::collection::vec(any::<bool>(), 40),
        ) {
            let base = Even(count);
            let mut map: BTreeMap<String, String> = (0..count)
                .map(|at| (id(2 * at), text(&id(2 * at), at < count / 2)))
                .collect();
            let mut overlay = Overlay::new();
            for (number, what) in changes {
                let id = id(number);
                let below = base.position(RecordKind::Users, &id).ok().map(|at| base.roles(at));
                if what == 0 {
                    if map.remove(&id).is_some() {
                        overlay.remove(&id, below);
                    }
                } else {
                    map.insert(id.clone(), text(&id, what == 1));
                    overlay.put(&id, Kept::new(text(&id, what == 1)), below);
                }
            }
            let list = List::new(RecordKind::Users, Some(&base), &overlay);
            let whole: Vec<(String, String)> = list.iter().map(|(id, r)| (id, r.json().into_owned())).collect();
            prop_assert_eq!(&whole, &map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(list.len(), map.len());
            for role in [Role::Student, Role::Teacher] {
                let wanted: Vec<&String> = map.iter().filter(|(_, text)| text.contains(&role.to_string())).map(|(id, _)| id).collect();
                let of_role = list.with_role(role);
                prop_assert_eq!(of_role.keys().collect::<Vec<_>>(), wanted.iter().copied().cloned().collect::<Vec<_>>());
                prop_assert_eq!(of_role.len(), wanted.len());
                let mut drawn: Vec<String> = (0..of_role.places()).filter_map(|n| of_role.at_place(n)).map(|r| r.id().into_owned()).collect();
                drawn.sort();
                prop_assert_eq!(drawn.iter().collect::<Vec<_>>(), wanted);
            }
            let (after, before) = (after.map(id), before.map(id));
            let mut wanted: Vec<&String> = map.keys()
                .filter(|id| after.as_ref().is_none_or(|after| *id > after) && before.as_ref().is_none_or(|before| *id < before))
                .collect();
            // From both ends at once, in any turn.
            let mut iter = list.range(after.as_deref(), before.as_deref());
            for front in takes {
                let found = if front { iter.next() } else { iter.next_back() };
                let expected = match (wanted.is_empty(), front) {
                    (true, _) => None,
                    (false, true) => Some(wanted.remove(0)),
                    (false, false) => wanted.pop(),
                };
                prop_assert_eq!(found.map(|r| r.id().into_owned()), expected.cloned());
            }
        }
    }
}
