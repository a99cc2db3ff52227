//! Ids that mean something within one district only: `1511` is somebody in three hundred districts.

use std::fmt;

use clever_linkage::{Kind, is_placeholder};
use clever_model::DistrictId;
use serde::Serialize;

/// A value and the district within which it is unique. Equal only if both are.
#[derive(Clone, Serialize)]
pub struct Scoped<T> {
    district: DistrictId,
    value: T,
}

impl<T> Scoped<T> {
    /// Ties `value` to its district.
    #[must_use]
    pub const fn new(district: DistrictId, value: T) -> Self {
        Self { district, value }
    }

    /// The district within which the value is unique.
    #[must_use]
    pub const fn district(&self) -> &DistrictId {
        &self.district
    }
}

/// Shows the district alone: the value is a person's.
impl<T> fmt::Debug for Scoped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scoped({}, …)", self.district)
    }
}

macro_rules! bare {
    ($($(#[$doc:meta])* $name:ident),+) => {$(
        $(#[$doc])*
        ///
        /// Two of them can't be compared but within a district: see [`Scoped`].
        #[derive(Clone, Serialize)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes the text as the district wrote it; `None` where it stands for no id: white space, `N/A`, `0`.
            #[must_use]
            pub fn new(text: &str) -> Option<Self> {
                let text = text.trim();
                (!is_placeholder(Kind::Id, text)).then(|| Self(text.into()))
            }
        }

        impl Scoped<$name> {
            /// The bare text, for what is kept under the district's key.
            #[cfg(feature = "store")]
            pub(crate) fn text(&self) -> &str {
                &self.value.0
            }
        }

        impl PartialEq for Scoped<$name> {
            fn eq(&self, other: &Self) -> bool {
                self.district == other.district && self.value.0 == other.value.0
            }
        }

        impl Eq for Scoped<$name> {}
    )+};
}

bare!(
    /// An id in a district's student information system. Districts give it to another person later.
    SisId,
    /// The number that a district gave a student.
    StudentNumber
);
