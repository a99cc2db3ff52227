//! What must not compile, with the compiler's own words as the expectation.
//!
//! The programs of all crates stand together, as what they need is built once more for them.

#[test]
fn p27_proofs_cannot_be_made_copied_or_swapped() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/auth/*.rs");
}

#[test]
fn a29_p27_a_token_makes_no_calls_but_its_own() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/client/*.rs");
}

#[test]
fn p27_what_would_be_wrong_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/provision/*.rs");
}
