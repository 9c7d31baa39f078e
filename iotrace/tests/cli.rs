//! The command line, as people meet it: help, usage errors, exit codes.

#[test]
fn cli() {
    trycmd::TestCases::new().case("tests/cli/*.toml");
}
