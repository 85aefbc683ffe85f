//! JSON objects in a body. What serde derives would read a list into the same fields, and
//! reports a field that is given twice only as a text.

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

thread_local! {
    /// The field that the last failed object had twice.
    static DUPLICATE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// The field that was given twice, if that is why the last object was refused.
pub(super) fn duplicate_field() -> Option<&'static str> {
    DUPLICATE.take()
}

/// A JSON object, each known field given at most once.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct JsonObject<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DUPLICATE.set(None);
        deserializer.deserialize_map(JsonObjectVisitor(PhantomData))
    }
}

struct JsonObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for JsonObjectVisitor<T> {
    type Value = JsonObject<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(StructDeserializer(map)).map(JsonObject)
    }
}

/// Hands the fields of an object to a struct.
struct StructDeserializer<A>(A);

impl<'de, A: MapAccess<'de>> Deserializer<'de> for StructDeserializer<A> {
    type Error = A::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(UniqueFields { map: self.0, fields, seen: vec![false; fields.len()] })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        MapAccessDeserializer::new(self.0).deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}

/// The fields of an object, refused when a known one comes again.
struct UniqueFields<A> {
    map: A,
    fields: &'static [&'static str],
    seen: Vec<bool>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for UniqueFields<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(key) = self.map.next_key::<std::borrow::Cow<'de, str>>()? else {
            return Ok(None);
        };
        if let Some(n) = self.fields.iter().position(|field| *field == key)
            && std::mem::replace(&mut self.seen[n], true)
        {
            DUPLICATE.set(Some(self.fields[n]));
            return Err(A::Error::custom("a field is given twice"));
        }
        seed.deserialize(key.as_ref().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
