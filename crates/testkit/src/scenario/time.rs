//! Times of scenarios: offsets from a fixed minute.

/// The time that all offsets count from: 1,700,000,040 s since the epoch, a full minute; in ns.
pub const T0: i64 = 1_700_000_040_000_000_000;

/// Units, longest first so that `ms` is not read as `s`.
const UNITS: [(&str, i64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// A length of time such as `1.5s`, in ns; exact.
///
/// # Errors
/// The text is none.
pub fn offset(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not NUMBER UNIT, such as 1.5s, with at most nine fraction digits");
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, unit)| digits.strip_suffix(suffix).map(|number| (number, *unit)))
        .ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.len() > 9 {
        return Err(wrong());
    }
    let billionths: i128 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    let whole: i128 = whole.parse().map_err(|_| wrong())?;
    let scaled = (whole * 1_000_000_000 + billionths) * i128::from(unit);
    let is_exact = scaled % 1_000_000_000 == 0;
    let nanos = is_exact.then(|| i64::try_from(scaled / 1_000_000_000).ok()).flatten().ok_or_else(wrong)?;
    Ok(if negative { -nanos } else { nanos })
}
