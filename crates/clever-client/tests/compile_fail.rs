//! Calls that a kind of token may not make must not compile (A29, P27).

#[test]
fn a29_p27_a_token_makes_no_calls_but_its_own() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
