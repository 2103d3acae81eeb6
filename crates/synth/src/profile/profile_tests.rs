use super::{NAMED, Profile};

const SMALL: &str = r#"
[[fleet]]
name = "web"

[[class]]
name = "visitors"
protocol = "tcp"
from = "internet"
to = "web"
port = 443
rate = 10
"#;

/// Each wrong profile and what its message says: where, what, what would be right.
#[track_caller]
fn refused(text: &str, texts: &[&str]) {
    let message = Profile::parse("mine.toml", text).expect_err(text).to_string();
    assert!(message.starts_with("mine.toml, line "), "{message}");
    for part in texts {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

fn with(line: &str) -> String {
    format!("{SMALL}{line}\n")
}

fn instead(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from));
    SMALL.replacen(from, to, 1)
}

#[test]
fn named_profiles_are_right_and_say_what_they_are() {
    for named in NAMED {
        let profile = named.profile().unwrap_or_else(|error| panic!("{error}"));
        assert!(profile.description().len() > 30, "{}", named.name);
        assert!(profile.description().chars().count() < 110, "{}", named.name);
        assert_eq!(profile.name(), named.name);
        assert!(named.toml.starts_with("# "), "{} begins with what it means", named.name);
    }
}

#[test]
fn a_small_profile_is_enough() {
    let profile = Profile::parse("mine.toml", SMALL).unwrap();
    assert_eq!((profile.eni_count(), profile.duration().nanos()), (1, 60_000_000_000));
}

#[test]
fn what_toml_does_not_have_is_an_error_at_its_place() {
    refused(&with("colour = 1"), &["line 12, column 1", "colour", "expected"]);
    refused(&with("[class"), &["line 12"]);
    refused(&with("ipv6 = [1]"), &["line 12, column 8", "a text or a number"]);
    refused(&with("lifetime = { distribution = \"uniform\", least = 1 }"), &["line 12", "least"]);
    refused(&with("shape = { kind = \"ramp\", form = 1 }"), &["line 12", "form"]);
    refused(&instead("rate = 10\n", ""), &["rate"]);
    let empty = Profile::parse("mine.toml", "").unwrap_err().to_string();
    assert!(empty.contains("no classes") && empty.contains("[[class]]"), "{empty}");
}

#[test]
fn values_out_of_range() {
    let cases = [
        ("ipv6 = 1.5", &["line 12, column 8", "1.5", "from 0 to 1"][..]),
        ("ipv6 = \"much\"", &["much", "not a number"]),
        ("ipv6 = nan", &["out of range"]),
        ("half_open = -0.1", &["-0.1", "from 0 to 1"]),
        ("half_open = 0.6\nreset = 0.6", &["line 6", "more than the whole", "found 1.2"]),
        ("peers = 0", &["`0`", "1 to 4194304"]),
        ("peers = 5000000", &["5000000", "4194304"]),
        ("responses = 40", &["40", "1 to 32"]),
        ("retries = 7", &["`7`", "0 to 6"]),
        ("rtt = \"11s\"", &["11s", "10s"]),
        ("rtt = \"soon\"", &["soon", "350s"]),
        ("keep_alive = \"0s\"", &["0", "more than 0"]),
        ("lifetime = \"9999d\"", &["9999d", "four years"]),
        ("packets = 1.5", &["1.5", "integer"]),
        ("request_bytes = 2000", &["2000", "1440"]),
        ("client_ports = \"60999-32768\"", &["empty", "\"32768-60999\""]),
        ("client_ports = \"0-9\"", &["0-9", "1 to 65535"]),
        ("client_ports = \"all\"", &["all", "1 to 65535"]),
        ("client_order = \"sorted\"", &["sorted", "\"round-robin\""]),
        ("closed_by = \"nobody\"", &["nobody", "\"either\""]),
        ("arrivals = \"now\"", &["now", "\"poisson\""]),
    ];
    for (line, texts) in cases {
        refused(&with(line), texts);
    }
    refused(&instead("rate = 10", "rate = 0"), &["line 11", "more than 0"]);
    refused(&instead("rate = 10", "rate = -1"), &["-1"]);
    refused(&instead("port = 443", "port = 0"), &["1 to 65535"]);
    refused(&instead("\"tcp\"", "\"sctp\""), &["sctp", "\"icmp\""]);
    refused(&format!("snaplen = 64\n{SMALL}"), &["line 1", "64", "96 to 65535"]);
    refused(&format!("duration = \"0s\"\n{SMALL}"), &["line 1", "more than 0"]);
}

#[test]
fn keys_that_say_nothing() {
    refused(&instead("protocol = \"tcp\"", "protocol = \"icmp\""), &["`port`", "icmp", "Leave it out"]);
    refused(&instead("protocol = \"tcp\"", "protocol = \"udp\"\nreset = 0.1"), &["`reset`", "udp"]);
    let dns = instead("protocol = \"tcp\"", "protocol = \"dns\"\nlifetime = \"5s\"");
    refused(&dns, &["`lifetime`", "dns"]);
    refused(&instead("\nport = 443", ""), &["no `port`", "443"]);
}

#[test]
fn distributions_need_their_keys() {
    let lifetime = |table: &str| with(&format!("lifetime = {{ {table} }}"));
    refused(&lifetime("distribution = \"normal\", mean = 1"), &["normal", "log-normal"]);
    refused(&lifetime("distribution = \"exponential\""), &["lacks", "`mean`"]);
    refused(&lifetime("distribution = \"uniform\", min = 1"), &["lacks", "`max`"]);
    refused(&lifetime("distribution = \"uniform\", min = 2, max = 1"), &["`min` is above `max`"]);
    refused(&lifetime("distribution = \"pareto\", min = 1, alpha = 0"), &["0.05 to 20"]);
    refused(&lifetime("distribution = \"exponential\", mean = 1, sigma = 2"), &["`sigma` says nothing"]);
    refused(&lifetime("distribution = \"log-normal\", median = \"x\", sigma = 2"), &["x", "350s"]);
}

#[test]
fn shapes_need_their_keys() {
    let shape = |text: &str| with(&format!("shape = {text}"));
    refused(&shape("\"ramp\""), &["ramp", "a table"]);
    refused(&shape("{ kind = \"wave\" }"), &["wave", "diurnal"]);
    refused(&shape("{ kind = \"ramp\", from = 1, to = 2 }"), &["lacks", "`over`"]);
    refused(&shape("{ kind = \"burst\", factor = 2, every = 1, length = 2 }"), &["longer than its period"]);
    refused(&shape("{ kind = \"diurnal\", depth = 1.1 }"), &["1.1", "from 0 to 1"]);
    refused(&shape("{ kind = \"diurnal\", depth = 1, factor = 2 }"), &["`factor` says nothing"]);
    refused(&shape("{ kind = \"points\" }"), &["no points", "at ="]);
    refused(
        &shape("{ kind = \"points\", points = [{at = 2, factor = 1}, {at = 1, factor = 1}] }"),
        &["order of time"],
    );
    refused(
        &shape("{ kind = \"diurnal\", depth = 1, points = [{at = 2, factor = 1}] }"),
        &["`points` says nothing"],
    );
}

#[test]
fn ends_must_be_there_and_every_fleet_used() {
    refused(&instead("to = \"web\"", "to = \"wbe\""), &["line 9", "wbe", "\"internet\" or \"web\""]);
    refused(&instead("to = \"web\"", "to = \"internet\""), &["both ends"]);
    refused(&instead("from = \"internet\"", "from = \"web\""), &["one interface", "two `enis`"]);
    refused(&with("[[fleet]]\nname = \"idle\""), &["line 13", "idle", "no class"]);
    refused(&with("[[fleet]]\nname = \"web\""), &["two fleets", "web"]);
    refused(&with("[[fleet]]\nname = \"internet\""), &["internet", "another name"]);
    refused(&with("[[fleet]]\nname = \"Web 1\""), &["Web 1", "a-z"]);
    refused(&format!("{SMALL}{}", &SMALL[SMALL.find("[[class]]").unwrap()..]), &["two classes"]);
    let inside = "[[fleet]]\nname = \"b\"\n[[class]]\nname = \"x\"\nprotocol = \"tcp\"\nfrom = \"b\"\nto = \"web\"\nport = 1\nrate = 1\npeers = 4";
    refused(&with(inside), &["line 21", "`peers`", "enis"]);
    refused(&instead("name = \"web\"", "name = \"web\"\nenis = 5000"), &["5000", "4000"]);
    refused(&instead("name = \"web\"", "name = \"web\"\negress = \"some\""), &["\"needed\" or \"all\""]);
    refused(&instead("name = \"web\"", "name = \"web\"\ntimeouts = { upd = 3 }"), &["upd", "udp-stream"]);
    refused(&instead("name = \"web\"", "name = \"web\"\ntimeouts = { udp = \"1ms\" }"), &["1ms", "at least"]);
    refused(&instead("name = \"web\"", "name = \"web\"\ninterface_type = \"a b\""), &["nat_gateway"]);
}
