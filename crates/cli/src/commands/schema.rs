//! `vpcreplay schema`: what the records and the summary look like, as JSON Schema.

mod fields;
mod summary;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::args::SchemaArgs;
use crate::exit::Status;
use crate::failure::Failure;
use crate::screen::{self, Channel};

/// What a value is.
#[derive(Clone, Debug)]
enum Kind {
    /// A whole number from this to that, as far as JSON can tell.
    Number(Option<i64>, Option<u64>),
    /// True or false.
    Boolean,
    /// Any text.
    Text,
    /// One of these.
    Code(Vec<&'static str>),
    /// A list of these.
    List(Box<Kind>),
    /// An object with exactly these fields, in this order.
    Object(Vec<Field>),
    /// An object with these keys, or some of them, and values of one kind.
    Map(Vec<&'static str>, Box<Kind>),
}

/// A field of an object.
#[derive(Clone, Debug)]
struct Field {
    name: &'static str,
    kind: Kind,
    presence: Presence,
    text: &'static str,
}

/// Whether a field may be null, or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Always,
    OrNull,
    /// The field is not there at all, or never null.
    OrAbsent,
}

const U8: Kind = Kind::Number(Some(0), Some(255));
const U16: Kind = Kind::Number(Some(0), Some(65_535));
const U32: Kind = Kind::Number(Some(0), Some(4_294_967_295));
const U64: Kind = Kind::Number(Some(0), None);
const I64: Kind = Kind::Number(None, None);

impl Field {
    const fn node(&self) -> (&'static str, Node<'_>) {
        (self.name, Node { kind: &self.kind, presence: self.presence, text: self.text })
    }
}

/// A field that is never null.
const fn always(name: &'static str, kind: Kind, text: &'static str) -> Field {
    Field { name, kind, presence: Presence::Always, text }
}

/// A field that may be null.
const fn or_null(name: &'static str, kind: Kind, text: &'static str) -> Field {
    Field { name, kind, presence: Presence::OrNull, text }
}

/// A field that only some documents have; it is never null.
const fn or_absent(name: &'static str, kind: Kind, text: &'static str) -> Field {
    Field { name, kind, presence: Presence::OrAbsent, text }
}

/// Prints the schemas, one definition for each kind of document.
pub(crate) fn schema(args: &SchemaArgs) -> Result<Status, Failure> {
    let SchemaArgs {} = args;
    let document = Document {
        definitions: vec![
            ("verdict", "A record of --out: one a packet.", Kind::Object(fields::verdict())),
            ("flow", "A record of --connections: one a flow.", Kind::Object(fields::flow())),
            (
                "series",
                "A record of --series: one for each allowance scope and period.",
                Kind::Object(fields::series()),
            ),
            ("summary", "The document of --summary.", Kind::Object(summary::fields())),
        ],
    };
    let mut text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::new(format!("the schema cannot be written: {error}")))?;
    text.push('\n');
    screen::print(Channel::Stdout, &text)?;
    Ok(Status::Done)
}

/// All schemas in one document.
struct Document {
    definitions: Vec<(&'static str, &'static str, Kind)>,
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("$schema", "https://json-schema.org/draft/2020-12/schema")?;
        map.serialize_entry(
            "title",
            concat!("Records and summary of vpcreplay ", env!("CARGO_PKG_VERSION")),
        )?;
        let definitions = self
            .definitions
            .iter()
            .map(|(name, text, kind)| (*name, Node { kind, presence: Presence::Always, text }));
        map.serialize_entry("$defs", &InOrder(definitions.collect()))?;
        map.end()
    }
}

/// An object whose keys stay in order.
struct InOrder<V>(Vec<(&'static str, V)>);

impl<V: Serialize> Serialize for InOrder<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (*name, value)))
    }
}

/// The schema of a value.
struct Node<'a> {
    kind: &'a Kind,
    presence: Presence,
    text: &'a str,
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.text.is_empty() {
            map.serialize_entry("description", self.text)?;
        }
        let name = self.kind.type_name();
        match self.presence {
            Presence::Always | Presence::OrAbsent => map.serialize_entry("type", name)?,
            Presence::OrNull => map.serialize_entry("type", &[name, "null"])?,
        }
        self.constraints(&mut map)?;
        map.end()
    }
}

impl Node<'_> {
    fn constraints<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self.kind {
            Kind::Number(least, greatest) => {
                if let Some(least) = least {
                    map.serialize_entry("minimum", least)?;
                }
                if let Some(greatest) = greatest {
                    map.serialize_entry("maximum", greatest)?;
                }
            }
            Kind::Boolean | Kind::Text => {}
            Kind::Code(codes) => {
                let null = (self.presence == Presence::OrNull).then_some(None);
                let codes: Vec<Option<&str>> = codes.iter().copied().map(Some).chain(null).collect();
                map.serialize_entry("enum", &codes)?;
            }
            Kind::List(kind) => {
                map.serialize_entry("items", &Node { kind, presence: Presence::Always, text: "" })?;
            }
            Kind::Object(fields) => {
                map.serialize_entry("properties", &InOrder(fields.iter().map(Field::node).collect()))?;
                let is_required = |field: &&Field| field.presence != Presence::OrAbsent;
                let names: Vec<&str> = fields.iter().filter(is_required).map(|field| field.name).collect();
                map.serialize_entry("required", &names)?;
                map.serialize_entry("additionalProperties", &false)?;
            }
            Kind::Map(keys, kind) => {
                let node = |key: &&'static str| (*key, Node { kind, presence: Presence::Always, text: "" });
                map.serialize_entry("properties", &InOrder(keys.iter().map(node).collect()))?;
                map.serialize_entry("additionalProperties", &false)?;
            }
        }
        Ok(())
    }
}

impl Kind {
    const fn type_name(&self) -> &'static str {
        match self {
            Self::Number(..) => "integer",
            Self::Boolean => "boolean",
            Self::Text | Self::Code(_) => "string",
            Self::List(_) => "array",
            Self::Object(_) | Self::Map(..) => "object",
        }
    }
}
