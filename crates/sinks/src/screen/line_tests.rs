use super::*;

#[test]
fn bars_show_eighths_and_never_hide_something() {
    assert_eq!(bar(0, 10, 8), "");
    assert_eq!(bar(1, 0, 8), "");
    assert_eq!(bar(10, 10, 4), "████");
    assert_eq!(bar(1, 2, 4), "██");
    assert_eq!(bar(9, 16, 2), "█▏");
    assert_eq!(bar(1, u64::MAX, 4), "▏");
    assert_eq!(bar(20, 10, 4), "████");
    assert_eq!(bar(u64::MAX, u64::MAX, 2), "██");
}

#[test]
fn lists_end_with_how_many_are_left() {
    let names = |count: usize| (0..count).map(|number| format!("n{number}"));
    assert_eq!(list(names(3), 3, 100), "n0, n1, n2");
    assert_eq!(list(names(3), 1_003, 100), "n0, n1, n2, 1,000 more");
    assert_eq!(list(names(3), 3, 9), "n0, 2 more");
    assert_eq!(list(names(3), 3, 1), "n0, 2 more");
    assert_eq!(list(names(0), 0, 10), "");
}

#[test]
fn words_wrap() {
    assert_eq!(wrap("a bb ccc dddddd e", 5), ["a bb", "ccc", "dddddd", "e"]);
    assert_eq!(wrap("", 5), Vec::<String>::new());
}

#[test]
fn long_lines_end_in_an_ellipsis() {
    let mut text = String::new();
    Line::new().plain("abc").quiet("defgh  ").write(&mut text, Color::Off, 5);
    assert_eq!(text, "abcd…");
    let mut text = String::new();
    Line::new().plain("abc").quiet("de   ").plain("  ").write(&mut text, Color::Off, 5);
    assert_eq!(text.trim_end(), "abcde");
}
