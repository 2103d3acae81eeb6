use super::*;

fn at(nanos: i64) -> Moment {
    Moment::At(Timestamp::from_nanos(nanos))
}

#[test]
fn times_are_offsets_dates_or_seconds() {
    assert_eq!(moment("+90s"), Ok(Moment::After(Span::from_secs(90))));
    assert_eq!(moment("0"), Ok(at(0)));
    assert_eq!(moment("1.5"), Ok(at(1_500_000_000)));
    assert_eq!(moment("1767225600.000000001"), Ok(at(1_767_225_600_000_000_001)));
    assert_eq!(moment("-1.25"), Ok(at(-1_250_000_000)));
    assert_eq!(moment("1970-01-01T00:00:01.000000002Z"), Ok(at(1_000_000_002)));
    assert_eq!(moment("1970-01-01T01:00:00+01:00"), Ok(at(0)));
}

#[test]
fn times_that_are_none_say_what_is_expected() {
    for text in ["", "yesterday", "1.", ".5", "2026-01-31", "1e9"] {
        assert!(moment(text).unwrap_err().contains("RFC 3339"), "{text}");
    }
    assert!(moment("1.0000000001").unwrap_err().contains("nine digits"));
    assert!(moment("99999999999999").unwrap_err().contains("out of range"));
    assert!(moment("9999-01-01T00:00:00Z").unwrap_err().contains("out of range"));
    assert!(moment("+soon").unwrap_err().contains("not a duration"));
}

#[test]
fn changes_name_a_time_and_a_path() {
    let expected = Change { when: Moment::After(Span::from_secs(60)), model: "a=b.toml".into() };
    assert_eq!(change("+1m=a=b.toml"), Ok(expected));
    assert!(change("+1m").is_err());
    assert!(change("+1m=").is_err());
}

#[test]
fn timeouts_have_a_known_name_and_at_least_a_second() {
    assert_eq!(timeout("udp=45s"), Ok((TimeoutName::Udp, Span::from_secs(45))));
    assert!(timeout("udp").unwrap_err().contains("udp-stream"));
    assert!(timeout("upd=45s").unwrap_err().contains("udp-stream"));
    assert!(timeout("udp=999ms").unwrap_err().contains("at least 1s"));
    assert!(timeout("udp=1000ms").is_ok());
}
