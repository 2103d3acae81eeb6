//! A profile as TOML has it. Unknown keys are errors.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use toml::Spanned;

/// A text that may be written as a number too.
#[derive(Clone, Debug)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// A text with its place.
pub(super) type Word = Spanned<Text>;

/// Either a text, or a table of its own.
#[derive(Clone, Debug)]
pub(super) enum Either<T> {
    Text(String),
    Table(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Either<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EitherVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for EitherVisitor<T> {
            type Value = Either<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number or a table")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Either::Text(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Either::Text(number.to_string()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Either::Text(number.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Either::Table)
            }
        }
        deserializer.deserialize_any(EitherVisitor(std::marker::PhantomData))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) description: Option<Word>,
    pub(super) duration: Option<Word>,
    pub(super) snaplen: Option<Word>,
    #[serde(default)]
    pub(super) fleet: Vec<Spanned<Fleet>>,
    #[serde(default)]
    pub(super) class: Vec<Spanned<Class>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fleet {
    pub(super) name: Word,
    pub(super) enis: Option<Word>,
    pub(super) enis_per_instance: Option<Word>,
    pub(super) interface_type: Option<Word>,
    pub(super) egress: Option<Word>,
    pub(super) limit: Option<Word>,
    #[serde(default)]
    pub(super) timeouts: BTreeMap<Spanned<String>, Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Class {
    pub(super) name: Word,
    pub(super) protocol: Word,
    pub(super) from: Word,
    pub(super) to: Word,
    pub(super) port: Option<Word>,
    pub(super) rate: Word,
    pub(super) arrivals: Option<Word>,
    pub(super) shape: Option<Spanned<Shape>>,
    pub(super) peers: Option<Word>,
    pub(super) client_ports: Option<Word>,
    pub(super) client_order: Option<Word>,
    pub(super) port_reuse: Option<Word>,
    pub(super) ipv6: Option<Word>,
    pub(super) lifetime: Option<Spanned<Amount>>,
    pub(super) packets: Option<Spanned<Amount>>,
    pub(super) responses: Option<Word>,
    pub(super) request_bytes: Option<Spanned<Amount>>,
    pub(super) response_bytes: Option<Spanned<Amount>>,
    pub(super) rtt: Option<Word>,
    pub(super) keep_alive: Option<Word>,
    pub(super) half_open: Option<Word>,
    pub(super) unacknowledged: Option<Word>,
    pub(super) refused: Option<Word>,
    pub(super) reset: Option<Word>,
    pub(super) never_closed: Option<Word>,
    pub(super) closed_by: Option<Word>,
    pub(super) retries: Option<Word>,
}

/// A constant, or a distribution.
pub(super) type Amount = Either<Spread>;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spread {
    pub(super) distribution: Word,
    pub(super) mean: Option<Word>,
    pub(super) median: Option<Word>,
    pub(super) sigma: Option<Word>,
    pub(super) alpha: Option<Word>,
    pub(super) min: Option<Word>,
    pub(super) max: Option<Word>,
}

/// The name of a shape without knobs, or its table.
pub(super) type Shape = Either<ShapeTable>;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShapeTable {
    pub(super) kind: Word,
    pub(super) from: Option<Word>,
    pub(super) to: Option<Word>,
    pub(super) over: Option<Word>,
    pub(super) factor: Option<Word>,
    pub(super) every: Option<Word>,
    pub(super) length: Option<Word>,
    pub(super) depth: Option<Word>,
    pub(super) period: Option<Word>,
    pub(super) peak_at: Option<Word>,
    pub(super) points: Option<Vec<Spanned<Point>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Point {
    pub(super) at: Word,
    pub(super) factor: Word,
}
