//! A secret that rotates: a current key, a next one, and all earlier ones, each with an id that
//! stands beside what is stored under it. `PEPPER` and `DATA_KEYS` are such sets.

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

use super::derive::{CryptoError, random_secret, secret_bytes};

const MALFORMED: &str = "must be as `cargo local keys new` prints it: JSON with `current`, and \
                         `next` and `previous` where there are any, each the base64 of at least \
                         32 random bytes";

/// What is derived from one secret of a set.
pub trait FromSecret: Sized {
    fn from_secret(secret: &SecretSlice<u8>) -> Result<Self, CryptoError>;

    /// Names the secret beside what is stored under it.
    fn id(&self) -> &str;
}

/// The variable.
#[derive(Serialize, Deserialize)]
struct StoredKeys {
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    previous: Vec<String>,
}

impl StoredKeys {
    fn parse(text: &SecretString) -> Result<Self, &'static str> {
        serde_json::from_str(text.expose_secret()).map_err(|_| MALFORMED)
    }

    fn to_text(&self) -> SecretString {
        // Texts alone: there is nothing that JSON cannot say.
        SecretString::from(serde_json::to_string(self).unwrap_or_default())
    }
}

/// All keys: the current one first.
pub struct KeySet<K> {
    current: K,
    others: Vec<K>,
    has_next: bool,
    has_previous: bool,
}

impl<K: FromSecret> KeySet<K> {
    /// Reads the variable.
    pub fn parse(text: &SecretString) -> Result<Self, &'static str> {
        let stored = StoredKeys::parse(text)?;
        let keys = |text: &String| {
            let bytes = secret_bytes(text).ok_or(MALFORMED)?;
            K::from_secret(&bytes).map_err(|_| MALFORMED)
        };
        let others = stored.next.iter().chain(&stored.previous).map(keys);
        Ok(Self {
            current: keys(&stored.current)?,
            others: others.collect::<Result<_, _>>()?,
            has_next: stored.next.is_some(),
            has_previous: !stored.previous.is_empty(),
        })
    }

    /// What is stored now is stored under this one.
    #[must_use]
    pub fn current(&self) -> &K {
        &self.current
    }

    /// Whether there is a key that is used after the next rotation.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.has_next
    }

    /// Whether those that know the set `before` can read what is stored under this one, and this one
    /// can read all that was stored under that.
    #[must_use]
    pub fn follows(&self, before: &Self) -> bool {
        before.by_id(self.current.id()).is_some()
            && before.iter().all(|key| self.by_id(key.id()).is_some())
    }

    /// Whether something may be stored under an earlier key.
    #[must_use]
    pub fn has_previous(&self) -> bool {
        self.has_previous
    }

    /// The key under which something was stored.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&K> {
        self.iter().find(|keys| keys.id() == id)
    }

    /// All, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        std::iter::once(&self.current).chain(&self.others)
    }
}

/// A new set, as the variable holds it.
pub(super) fn new_key_set() -> SecretString {
    StoredKeys { current: random_secret(), next: None, previous: Vec::new() }.to_text()
}

/// The next step of a rotation. The first time a `next` key is made, which every sandbox must
/// know before it is used. From then on `next` becomes `current`, the key before is kept, and a
/// new `next` is made. Nothing is removed: a stored value may name any previous key.
pub(super) fn rotate_key_set<K: FromSecret>(
    text: &SecretString,
) -> Result<SecretString, &'static str> {
    KeySet::<K>::parse(text)?;
    let mut keys = StoredKeys::parse(text)?;
    if let Some(next) = keys.next.take() {
        let before = std::mem::replace(&mut keys.current, next);
        keys.previous.insert(0, before);
    }
    keys.next = Some(random_secret());
    Ok(keys.to_text())
}

#[cfg(test)]
mod tests {
    use super::super::derive::derive_key;
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    struct Key(String);

    impl FromSecret for Key {
        fn from_secret(secret: &SecretSlice<u8>) -> Result<Self, CryptoError> {
            derive_key(secret, "id").map(|id| Self(STANDARD.encode(id)))
        }

        fn id(&self) -> &str {
            &self.0
        }
    }

    fn ids(text: &SecretString) -> Vec<String> {
        let set = KeySet::<Key>::parse(text).unwrap();
        set.iter().map(|keys| keys.id().to_owned()).collect()
    }

    #[test]
    fn short_or_broken_keys_are_refused() {
        let of = |length| STANDARD.encode(vec![7; length]);
        let parses = |stored: serde_json::Value| {
            KeySet::<Key>::parse(&SecretString::from(stored.to_string())).is_ok()
        };
        assert!(parses(json!({ "current": of(32) })));
        for broken in [
            json!({ "current": of(31) }),
            json!({ "current": of(32), "next": of(31) }),
            json!({ "current": of(32), "previous": [of(32), "short"] }),
            json!({ "next": of(32) }),
            json!(of(32)),
        ] {
            assert!(!parses(broken.clone()), "{broken}");
        }
    }

    #[test]
    fn a_rotation_announces_a_key_before_it_uses_it_and_keeps_those_before() {
        let first = new_key_set();
        let announced = rotate_key_set::<Key>(&first).unwrap();
        let second = rotate_key_set::<Key>(&announced).unwrap();
        let third = rotate_key_set::<Key>(&second).unwrap();
        let (first, announced, second, third) =
            (ids(&first), ids(&announced), ids(&second), ids(&third));
        assert_eq!(first.len(), 1);
        assert_eq!(announced[0], first[0]);
        assert_eq!(second[0], announced[1]);
        assert_eq!(second[2..], first);
        assert_eq!(third[0], second[1]);
        assert_eq!(third[2..], [second[0].clone(), first[0].clone()]);
    }
}
