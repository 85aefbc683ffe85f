//! The numbers of Signal's protocol. On the wire each is an integer of any size, in the
//! store a column with the same bounds.

use thiserror::Error;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident: $kind:ty = $low:literal to $high:literal, $error:ident) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
        #[error("must be {} to {}", $low, $high)]
        pub struct $error;

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($kind);

        impl $name {
            pub fn new(number: i64) -> Result<Self, $error> {
                match <$kind>::try_from(number) {
                    Ok(number) if ($low..=$high).contains(&number) => Ok(Self(number)),
                    _ => Err($error),
                }
            }

            /// A number that this service itself stored.
            #[must_use]
            pub const fn from_stored(number: $kind) -> Self {
                Self(number)
            }

            #[must_use]
            pub const fn get(self) -> $kind {
                self.0
            }
        }
    };
}

number!(
    /// Which of a device's keys of one kind: chosen by the device.
    KeyId: i32 = 0 to 2_147_483_647, KeyIdError
);
number!(
    /// Drawn by an installation of the app. Another one under the same device id tells
    /// senders that their session with it is worth nothing.
    RegistrationId: i32 = 1 to 16_380, RegistrationIdError
);
number!(
    /// A device's number among those of its user.
    SignalDeviceId: i16 = 1 to 127, SignalDeviceIdError
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_bounds() {
        for (number, key, registration, device) in [
            (i64::MIN, false, false, false),
            (-1, false, false, false),
            (0, true, false, false),
            (1, true, true, true),
            (127, true, true, true),
            (128, true, true, false),
            (16_380, true, true, false),
            (16_381, true, false, false),
            // Would be 1 if its upper bits were dropped.
            (65_537, true, false, false),
            (2_147_483_647, true, false, false),
            (2_147_483_648, false, false, false),
            (4_294_967_297, false, false, false),
            (i64::MAX, false, false, false),
        ] {
            let expected = |good: bool| good.then_some(number);
            let got = KeyId::new(number).ok().map(|n| i64::from(n.get()));
            assert_eq!(got, expected(key), "{number}");
            let got = RegistrationId::new(number).ok().map(|n| i64::from(n.get()));
            assert_eq!(got, expected(registration), "{number}");
            let got = SignalDeviceId::new(number).ok().map(|n| i64::from(n.get()));
            assert_eq!(got, expected(device), "{number}");
        }
    }

    #[test]
    fn an_error_tells_the_bounds() {
        assert_eq!(KeyIdError.to_string(), "must be 0 to 2147483647");
        assert_eq!(RegistrationIdError.to_string(), "must be 1 to 16380");
        assert_eq!(SignalDeviceIdError.to_string(), "must be 1 to 127");
    }
}
