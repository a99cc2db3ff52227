//! P27: what must not compile.

#[test]
fn p27_what_would_be_wrong_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
