//! The hand-written model as TOML has it. Unknown keys are errors.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

/// A text that may be written as an integer too: a port, a protocol number, a number of seconds.
#[derive(Clone, Debug)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or an integer")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// A text with its place.
pub(crate) type Word = Spanned<Text>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(crate) options: Option<Spanned<Options>>,
    #[serde(default)]
    pub(crate) vpc: Vec<Spanned<Vpc>>,
    #[serde(default)]
    pub(crate) subnet: Vec<Spanned<Subnet>>,
    #[serde(default)]
    pub(crate) eni: Vec<Spanned<Eni>>,
    #[serde(default)]
    pub(crate) security_group: Vec<Spanned<SecurityGroup>>,
    #[serde(default)]
    pub(crate) nacl: Vec<Spanned<Nacl>>,
    #[serde(default)]
    pub(crate) prefix_list: Vec<Spanned<PrefixList>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    pub(crate) profile: Option<Word>,
    pub(crate) limit: Option<u64>,
    pub(crate) scope: Option<Word>,
    pub(crate) mode: Option<Word>,
    pub(crate) tcp_midstream: Option<Word>,
    pub(crate) icmp_errors: Option<Word>,
    pub(crate) decap: Option<Word>,
    pub(crate) period: Option<Word>,
    #[serde(default)]
    pub(crate) timeouts: BTreeMap<Spanned<String>, Word>,
    #[serde(default)]
    pub(crate) always_tracked: Vec<Word>,
    #[serde(default)]
    pub(crate) limits: BTreeMap<Spanned<String>, u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vpc {
    pub(crate) id: Word,
    #[serde(default)]
    pub(crate) cidrs: Vec<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subnet {
    pub(crate) id: Word,
    pub(crate) vpc: Option<Word>,
    #[serde(default)]
    pub(crate) cidrs: Vec<Word>,
    pub(crate) nacl: Option<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Eni {
    pub(crate) id: Word,
    pub(crate) subnet: Word,
    #[serde(default)]
    pub(crate) addresses: Vec<Word>,
    #[serde(default)]
    pub(crate) prefixes: Vec<Word>,
    #[serde(default)]
    pub(crate) security_groups: Vec<Word>,
    pub(crate) instance: Option<Word>,
    pub(crate) interface_type: Option<Word>,
    pub(crate) limit: Option<u64>,
    #[serde(default)]
    pub(crate) timeouts: BTreeMap<Spanned<String>, Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecurityGroup {
    pub(crate) id: Word,
    #[serde(default)]
    pub(crate) members: Vec<Word>,
    #[serde(default)]
    pub(crate) ingress: Vec<Spanned<GroupRule>>,
    pub(crate) egress: Option<Vec<Spanned<GroupRule>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupRule {
    pub(crate) protocol: Option<Word>,
    pub(crate) ports: Option<Word>,
    pub(crate) icmp: Option<Word>,
    pub(crate) peer: Word,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nacl {
    pub(crate) id: Word,
    #[serde(default)]
    pub(crate) ingress: Vec<Spanned<NaclRule>>,
    #[serde(default)]
    pub(crate) egress: Vec<Spanned<NaclRule>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NaclRule {
    pub(crate) rule: Spanned<i64>,
    pub(crate) action: Word,
    pub(crate) protocol: Option<Word>,
    pub(crate) ports: Option<Word>,
    pub(crate) icmp: Option<Word>,
    pub(crate) peer: Word,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrefixList {
    pub(crate) id: Word,
    pub(crate) entries: Vec<Word>,
}
