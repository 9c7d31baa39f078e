//! JSON objects, read more strictly than `serde_json` does by itself.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Parses an object that has no key twice.
pub fn parse(line: &[u8]) -> Map<String, Value> {
    match serde_json::from_slice(line) {
        Ok(Unique(object)) => object,
        Err(error) => panic!("{error}: {}", line.escape_ascii()),
    }
}

struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Unique, A::Error> {
                let mut object = Map::new();
                while let Some((key, value)) = fields.next_entry::<String, Value>()? {
                    if object.contains_key(&key) {
                        return Err(serde::de::Error::custom(format!("{key} stands twice")));
                    }
                    object.insert(key, value);
                }
                Ok(Unique(object))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
