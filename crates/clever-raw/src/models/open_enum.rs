//! Sets of words that may grow: what is not listed is kept as it came.

/// Makes an open enum: unit variants for the known words, `Unrecognized` for any other.
#[macro_export]
#[doc(hidden)]
macro_rules! open_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)*
            /// A word that no document lists, as it came.
            Unrecognized(Box<str>),
        }

        impl $name {
            /// The words that are known, in order.
            pub const KNOWN: &'static [&'static str] = &[$($word),*];

            /// The word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Unrecognized(word) => word,
                }
            }

            /// Says whether the word is a known one.
            #[must_use]
            pub const fn is_recognized(&self) -> bool {
                !matches!(self, Self::Unrecognized(_))
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    other => Self::Unrecognized(other.into()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::de::text(deserializer).map(|word| Self::from(&*word))
            }
        }

        impl $crate::de::Tolerant for $name {
            fn read(json: &str) -> Option<Self> {
                $crate::de::text_of(json).filter(|word| !word.is_empty()).map(|word| Self::from(&*word))
            }
        }
    };
}

#[cfg(all(test, feature = "v3_1"))]
mod tests {
    use crate::v3_1::enums::{Gender, Relationship};

    #[test]
    fn any_word_survives() {
        let read = |json| serde_json::from_str::<Gender>(json).unwrap();
        assert_eq!(read("\"F\""), Gender::F);
        assert_eq!(read("\"zz-word\"").as_str(), "zz-word");
        assert_eq!(read("7"), Gender::Unrecognized("7".into()));
        assert_eq!(serde_json::to_string(&read("\"X\"")).unwrap(), "\"X\"");
        assert!(Gender::F.is_recognized() && !read("\"Z\"").is_recognized());
        assert_eq!(
            Relationship::from("Self"),
            Relationship::Oneself,
            "a keyword of ours is a word of theirs"
        );
    }
}
