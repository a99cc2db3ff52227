//! What must not compile (P27), with the compiler's own words as the expectation.

#[test]
fn p27_proofs_cannot_be_made_copied_or_swapped() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
