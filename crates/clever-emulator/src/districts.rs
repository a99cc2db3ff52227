//! The districts of an emulator: each is a world of its own, connected to the app by a token of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use clever_model::{RecordKind, Timestamp};

use crate::api::lms::Lms;
use crate::life::happenings::Happening;
use crate::world::World;
use crate::world::stamp::object_id;

/// Tells the ids of tokens from those of records made in the same second.
const TOKEN_IDS: u64 = 0x0070_0CE4;

/// One district.
#[derive(Debug)]
pub(crate) struct District {
    /// Its Clever id, which nothing changes.
    pub(crate) id: String,
    world: RwLock<World>,
    connection: Mutex<Connection>,
    /// Its learning management system, if it has connected one.
    pub(crate) lms: Option<Lms>,
}

/// How a district is connected to the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    /// The token that opens the district; none while it is not connected.
    pub(crate) token: Option<String>,
    /// The token's id in the list of tokens.
    pub(crate) token_id: String,
    /// When the token was made.
    pub(crate) created: Timestamp,
    /// The district's sharing covers those who came through the Library: they are the district's users now.
    pub(crate) covers_library: bool,
    /// Tokens there were.
    made: u32,
}

impl District {
    /// A district whose first token is `token`; not `connected`, it has none yet.
    pub(crate) fn new(world: World, token: Option<String>, connected: bool) -> Self {
        let token = token.unwrap_or_else(|| token_number(world.seed, 0));
        let connection = Connection {
            token: connected.then_some(token),
            token_id: object_id(world.now(), world.seed ^ TOKEN_IDS, 0),
            created: world.now(),
            covers_library: false,
            made: 0,
        };
        Self {
            id: world.district_id().to_owned(),
            world: RwLock::new(world),
            connection: Mutex::new(connection),
            lms: None,
        }
    }

    pub(crate) fn with_lms(self, lms: Option<Lms>) -> Self {
        Self { lms, ..self }
    }

    pub(crate) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the world, or changes it; each change makes events.
    pub(crate) fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut world);
        drop(world.publish());
        result
    }

    fn locked(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connection(&self) -> Connection {
        self.locked().clone()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.locked().token.is_some()
    }

    fn is_opened_by(&self, token: &str) -> bool {
        self.locked().token.as_deref() == Some(token)
    }

    /// Puts a new token in the old one's place, which opens nothing from now on.
    pub(crate) fn rotate(&self) {
        let (seed, now) = {
            let world = self.world();
            (world.seed, world.now())
        };
        let mut connection = self.locked();
        connection.made += 1;
        connection.token = Some(token_number(seed, connection.made));
        connection.token_id = object_id(now, seed ^ TOKEN_IDS, connection.made);
        connection.created = now;
    }

    /// Lets something happen to the district; how many records are other than before.
    pub(crate) fn befall(&self, happening: Happening) -> usize {
        let connected = self.is_connected();
        match happening {
            Happening::Disconnect => self.locked().token = None,
            Happening::Reconnect => self.rotate(),
            Happening::TokenRotate if connected => self.rotate(),
            Happening::LibraryToDistrict => {
                if !connected {
                    self.rotate();
                }
                self.locked().covers_library = true;
            }
            _ => {}
        }
        self.with_world(|world| {
            let first_told = happening == Happening::LibraryToDistrict && !connected;
            if first_told {
                world.forget_events();
            }
            happening.befall(world)
        })
    }
}

/// A token of forty hexadecimal digits, by the world's seed and its number.
fn token_number(seed: u64, number: u32) -> String {
    let mixed = (seed ^ 0x0e3a_1a70)
        .wrapping_add(u64::from(number) + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!(
        "{:016x}{mixed:016x}{number:08x}",
        mixed.rotate_left(23).wrapping_mul(0x94d0_49bb_1331_11eb)
    )
}

/// All of an emulator's districts; there is at least one.
#[derive(Debug)]
pub(crate) struct Districts {
    pub(crate) first: Arc<District>,
    pub(crate) more: Vec<Arc<District>>,
}

impl Districts {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<District>> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// The district with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<District>> {
        self.iter().find(|district| district.id == id)
    }

    /// The district that a user is in; ids are unique over all districts.
    pub(crate) fn of_user(&self, user: &str) -> Option<&Arc<District>> {
        self.iter()
            .find(|district| district.world().list(RecordKind::Users).contains_key(user))
    }

    /// The district that a token opens.
    pub(crate) fn opened_by(&self, token: &str) -> Option<&Arc<District>> {
        self.iter().find(|district| district.is_opened_by(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::generate::generate;

    fn district(seed: u64) -> Arc<District> {
        let world = generate(seed, 30, "2026-09-14T12:00:00Z".parse().unwrap());
        Arc::new(District::new(world, None, true))
    }

    #[test]
    fn each_token_opens_its_own_district_and_a_rotated_one_none() {
        let districts = Districts {
            first: district(1),
            more: vec![district(2)],
        };
        let tokens: Vec<String> = districts
            .iter()
            .filter_map(|district| district.connection().token)
            .collect();
        assert!(tokens[0] != tokens[1] && tokens.iter().all(|token| token.len() == 40));
        for (district, token) in districts.iter().zip(&tokens) {
            assert_eq!(districts.opened_by(token).unwrap().id, district.id);
        }
        districts.first.befall(Happening::TokenRotate);
        assert!(districts.opened_by(&tokens[0]).is_none());
        assert!(districts.opened_by(&tokens[1]).is_some());
        let now = districts.first.connection();
        assert_eq!(now.token.as_ref().map(String::len), Some(40));
        assert_ne!(now.token.as_ref(), Some(&tokens[0]));
    }

    #[test]
    fn a_district_that_is_not_connected_has_no_token_to_rotate() {
        let district = district(1);
        district.befall(Happening::Disconnect);
        district.befall(Happening::TokenRotate);
        assert!(!district.is_connected());
        district.befall(Happening::Reconnect);
        assert!(district.is_connected());
    }

    #[test]
    fn a_user_is_found_in_the_own_district_alone() {
        let districts = Districts {
            first: district(1),
            more: vec![district(2)],
        };
        for district in districts.iter() {
            let world = district.world();
            let user = world.list(RecordKind::Users).keys().next().unwrap();
            drop(world);
            assert_eq!(districts.of_user(&user).unwrap().id, district.id);
        }
        assert!(districts.of_user("nobody").is_none());
    }
}
