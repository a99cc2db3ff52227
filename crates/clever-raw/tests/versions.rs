//! Every version's models read whatever comes; only the versions that are switched on are built.

/// Reads records of a version's models with every optional field of a wrong type, absent in each way, or
/// unknown, and checks that what is right beside them survives.
macro_rules! reads_anything {
    ($test:ident, $feature:literal, $module:ident, [$($model:ident),+ $(,)?]) => {
        #[cfg(feature = $feature)]
        #[test]
        fn $test() {
            use clever_raw::$module::{shapes, types};
            $({
                let shape = shapes::named(stringify!($model)).expect("the model has a shape");
                assert!(shape.field("id").is_some(), concat!(stringify!($model), " has an id"));
                for odd in ["null", "\"\"", "7", "true", "[]", "{}", "[null,{}]", "\"a word that nobody lists\""] {
                    let fields: Vec<String> = shape
                        .fields
                        .iter()
                        .filter(|(name, _)| *name != "id")
                        .map(|(name, _)| format!("{name:?}:{odd}"))
                        .collect();
                    let json = format!("{{\"id\":\"x\",\"unknown\":{odd},{}}}", fields.join(","));
                    let read: types::$model = serde_json::from_str(&json)
                        .unwrap_or_else(|error| panic!("{} with {odd}: {error}", stringify!($model)));
                    assert_eq!(read.id.as_deref(), Some("x"), "{odd}");
                    assert_eq!(format!("{read:?}"), concat!(stringify!($model), " { .. }"));
                }
            })+
        }
    };
}

reads_anything!(
    v1_2,
    "v1_2",
    v1_2,
    [Student, Teacher, School, Section, District]
);
reads_anything!(
    v2_0,
    "v2_0",
    v2_0,
    [
        Student,
        Teacher,
        SchoolAdmin,
        DistrictAdmin,
        Contact,
        School,
        Section,
        Course,
        Term,
        District
    ]
);
reads_anything!(
    v2_1,
    "v2_1",
    v2_1,
    [
        Student,
        Teacher,
        SchoolAdmin,
        DistrictAdmin,
        Contact,
        School,
        Section,
        Course,
        Term,
        District
    ]
);
reads_anything!(
    v3_0,
    "v3_0",
    v3_0,
    [User, School, Section, Course, Term, District, Resource]
);
reads_anything!(
    v3_1,
    "v3_1",
    v3_1,
    [User, School, Section, Course, Term, District, Resource]
);
