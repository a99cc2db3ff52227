//! A directory of stores: in which database each district begins, where there are several.
//!
//! Pure: it is read from `[stores]` of the file of settings, and opens nothing.
//!
//! *Decision*: the file says in which store a district begins, and a row of that store says if it has moved since
//! (`clever_sync::carry`); `places.rs` follows it. So a move is one commit of one database, and not an edit of a file that every
//! machine has a copy of: a machine with an old copy still comes to the right store.

use std::collections::BTreeMap;

use clever_model::DistrictId;
use clever_sql::AddressError;
use serde::Deserialize;

use crate::diagnostics::Usage;
use crate::settings::address::StoreUrl;

/// What the file says.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) named: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) districts: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) credentials: BTreeMap<String, String>,
}

impl Said {
    /// Says whether the file says nothing of several stores.
    fn is_empty(&self) -> bool {
        self.default.is_none()
            && self.named.is_empty()
            && self.districts.is_empty()
            && self.credentials.is_empty()
    }
}

/// Stores by their names, and which districts begin in which.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    /// The store of whoever is in no list, and its address.
    default: String,
    first: StoreUrl,
    named: BTreeMap<String, StoreUrl>,
    districts: BTreeMap<String, String>,
    credentials: BTreeMap<String, String>,
}

impl Stores {
    /// Reads the directory of the file `shown`; none if it has none. `variable` reads a variable of the environment: an address
    /// there, as in `CLEVER_STORE_WEST`, stands over the file's, since it may hold a password.
    pub(crate) fn read(
        said: &Said,
        shown: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Usage> {
        if said.is_empty() {
            return Ok(None);
        }
        let wrong = |key: &str, what: String, hint: &str| {
            Err(Usage::new(format!("{shown}: `stores.{key}` {what}")).hint(hint))
        };
        let names = said.named.keys().map(String::as_str);
        let names = names.collect::<Vec<_>>().join(", ");
        if said.named.is_empty() {
            return wrong(
                "named",
                "names no store".to_owned(),
                "name each with its address, as in `main = \"postgres://app@db/roster\"`",
            );
        }
        let mut named = BTreeMap::new();
        for (name, address) in &said.named {
            if !is_name(name) {
                return wrong(
                    "named",
                    format!("has a name that can't be one: `{name}`"),
                    "a store's name is of small letters, digits and `_`, and begins with a letter",
                );
            }
            let own = variable(&variable_of(name)).filter(|address| !address.is_empty());
            match own.as_ref().unwrap_or(address).parse::<StoreUrl>() {
                Ok(url) => named.insert(name.clone(), url),
                // An address may hold a password, so it is not repeated.
                Err(error) => {
                    return wrong(
                        &format!("named.{name}"),
                        format!("is no address of a store: {error}"),
                        &format!(
                            "write `sqlite:PATH` or `postgres://USER@HOST/DATABASE`; one with a password goes into {}",
                            variable_of(name)
                        ),
                    );
                }
            };
        }
        let default = match (&said.default, said.named.len()) {
            (Some(default), _) => default.clone(),
            (None, 1) => names.clone(),
            (None, _) => {
                return wrong(
                    "default",
                    "is missing".to_owned(),
                    &format!("name the store of districts that are in no list: one of {names}"),
                );
            }
        };
        let unknown = |key: &str, name: &str| {
            let hint = format!("there are: {names}");
            let what = format!("is `{name}`, which `stores.named` does not have");
            wrong(key, what, &hint)
        };
        let Some(first) = named.get(&default).cloned() else {
            return unknown("default", &default);
        };
        let all = of_list("districts", &said.districts);
        for (key, name) in all.chain(of_list("credentials", &said.credentials)) {
            if !named.contains_key(name) {
                return unknown(&key, name);
            }
        }
        if let Some(id) = said
            .districts
            .keys()
            .find(|id| DistrictId::new(id.as_str()).is_err())
        {
            return wrong(
                "districts",
                format!("has an id that no district can have: `{id}`"),
                "write Clever's id of the district, as `cleverctl status` shows it",
            );
        }
        Ok(Some(Self {
            default,
            first,
            named,
            districts: said.districts.clone(),
            credentials: said.credentials.clone(),
        }))
    }

    /// The store in which a district begins: the one that is named for it, else the one for the credential that opens it, else
    /// the default.
    pub(crate) fn of(&self, district: &str, credential: Option<&str>) -> &str {
        let of_credential = || self.credentials.get(credential?);
        let named = self.districts.get(district).or_else(of_credential);
        named.unwrap_or(&self.default)
    }

    /// Says whether a list names the store of this district.
    pub(crate) fn has(&self, district: &str) -> bool {
        self.districts.contains_key(district)
    }

    /// The name of the store of whoever is in no list.
    pub(crate) fn default(&self) -> &str {
        &self.default
    }

    /// Its address.
    pub(crate) const fn first(&self) -> &StoreUrl {
        &self.first
    }

    /// The address of a store, if there is one of this name.
    pub(crate) fn url(&self, name: &str) -> Option<&StoreUrl> {
        self.named.get(name)
    }

    /// All stores with their names, in the order of names.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &StoreUrl)> {
        self.named.iter().map(|(name, url)| (name.as_str(), url))
    }

    /// The same with the tables of each in this schema, if one is named.
    pub(crate) fn in_schema(mut self, schema: Option<&str>) -> Result<Self, AddressError> {
        for url in self.named.values_mut().chain([&mut self.first]) {
            *url = url.clone().in_schema(schema)?;
        }
        Ok(self)
    }
}

/// The entries of a list with their keys in the file.
fn of_list<'a>(
    list: &'static str,
    map: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (String, &'a String)> {
    map.iter()
        .map(move |(key, name)| (format!("{list}.{key}"), name))
}

/// A name that is a key of the file and a part of a variable alike.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.bytes().all(plain) && name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// The variable whose address stands over the file's.
fn variable_of(name: &str) -> String {
    format!("CLEVER_STORE_{}", name.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"
        default = "main"
        [named]
        main = "postgres://app:secret@db1/roster"
        west = "west.db"
        [districts]
        d1 = "west"
        [credentials]
        app = "west"
    "#;

    fn said(text: &str) -> Said {
        toml::from_str(text).unwrap()
    }

    fn read(text: &str) -> Result<Option<Stores>, Usage> {
        Stores::read(&said(text), "clever.toml", &|_| None)
    }

    #[test]
    fn a_district_stands_over_its_credential_and_that_over_the_default() {
        let stores = read(FILE).unwrap().unwrap();
        assert_eq!(stores.of("d1", None), "west");
        assert_eq!(stores.of("d1", Some("other")), "west");
        assert_eq!(stores.of("d2", Some("app")), "west");
        assert_eq!(stores.of("d2", Some("other")), "main");
        assert_eq!(stores.of("d2", None), "main");
        assert!(!format!("{stores:?}").contains("secret"));
        assert!(read("").unwrap().is_none());
        // One store needs no default.
        let one = read("[named]\na = \"a.db\"").unwrap().unwrap();
        assert_eq!(one.of("d", None), "a");
    }

    #[test]
    fn an_address_in_the_environment_stands_over_the_file() {
        let own = |name: &str| (name == "CLEVER_STORE_WEST").then(|| "other.db".to_owned());
        let stores = Stores::read(&said(FILE), "clever.toml", &own);
        let stores = stores.unwrap().unwrap();
        assert_eq!(stores.url("west").unwrap().to_string(), "sqlite:other.db");
        assert!(stores.url("east").is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file_its_key_and_a_next_step() {
        for (text, key) in [
            ("default = \"a\"", "`stores.named`"),
            ("[named]\na = \"a.db\"\nb = \"b.db\"", "`stores.default`"),
            (
                "default = \"c\"\n[named]\na = \"a.db\"",
                "`stores.default` is `c`",
            ),
            ("[named]\n\"A b\" = \"a.db\"", "`A b`"),
            (
                "[named]\na = \"postgres://u:secret@h:x/d\"",
                "`stores.named.a`",
            ),
            (
                "[named]\na = \"a.db\"\n[districts]\nd = \"b\"",
                "`stores.districts.d` is `b`",
            ),
            (
                "[named]\na = \"a.db\"\n[credentials]\nx = \"b\"",
                "`stores.credentials.x` is `b`",
            ),
            (
                "[named]\na = \"a.db\"\n[districts]\n\"d d\" = \"a\"",
                "`d d`",
            ),
        ] {
            let error = read(text).unwrap_err();
            let shown = error.to_string();
            assert!(
                shown.starts_with("clever.toml: ") && shown.contains(key),
                "{shown}"
            );
            let hint = error.next_step().unwrap();
            assert!(
                !shown.contains("secret") && !hint.contains("secret"),
                "{shown}"
            );
        }
    }

    proptest! {
        /// Whatever a file says that can be read, each district has one store, which the directory names.
        #[test]
        fn each_district_has_one_store_that_is_named(
            names in proptest::collection::btree_set("[a-z][a-z0-9_]{0,4}", 1..5),
            picks in proptest::collection::vec((0_usize..9, "[a-f0-9]{1,4}", 0_usize..3), 0..12),
            asked in "[a-f0-9]{1,4}",
            credential in proptest::option::of("[a-f0-9]{1,4}"),
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let name = |at: usize| names[at % names.len()].clone();
            let mut said = Said {
                default: Some(name(0)),
                named: names.iter().map(|name| (name.clone(), format!("{name}.db"))).collect(),
                ..Said::default()
            };
            for (at, key, list) in picks {
                match list {
                    0 => drop(said.credentials.insert(key, name(at))),
                    _ => drop(said.districts.insert(key, name(at))),
                }
            }
            let stores = Stores::read(&said, "clever.toml", &|_| None).unwrap().unwrap();
            let found = stores.of(&asked, credential.as_deref());
            prop_assert!(stores.url(found).is_some());
            let by_hand = said
                .districts
                .get(&asked)
                .or_else(|| said.credentials.get(credential.as_ref()?))
                .unwrap_or(&names[0]);
            prop_assert_eq!(found, by_hand);
            prop_assert_eq!(stores.all().count(), names.len());
        }
    }
}
