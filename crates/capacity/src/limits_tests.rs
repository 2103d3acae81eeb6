#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use super::parse_limits;

#[test]
fn limits_come_by_size() {
    let text = "[limits]\n\"b.large\" = 20\n\"a.large\" = 20\nsmall = 5\n";
    let limits = parse_limits(text).unwrap();
    let expected =
        [("small", 5), ("a.large", 20), ("b.large", 20)].map(|(name, limit)| (name.to_owned(), limit));
    assert_eq!(limits, expected);
}

#[test]
fn errors_name_the_place() {
    let cases = [
        ("", "line 1, column 1", "limits"),
        ("[limits]\n", "line 1", "no limit"),
        ("[limits]\nbig = \"many\"\n", "line 2, column 7", "expected a number"),
        ("[limits]\nbig = 1\nzero = 0\n", "line 3, column 8", "at least 1"),
        ("[limits]\nlow = -4\n", "line 2, column 7", "at least 1"),
        ("[limit]\nbig = 1\n", "line 1, column 2", "limit"),
        ("[limits]\nbig = 1\nbig = 2\n", "line 3, column 1", "duplicate"),
        ("[limits\n", "line 1", "expected"),
        ("limits = 7\n", "line 1, column 10", "expected a table"),
    ];
    for (text, place, problem) in cases {
        let error = parse_limits(text).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains(problem), "{text}: {error}");
    }
}
