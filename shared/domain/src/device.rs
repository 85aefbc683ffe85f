//! What a client says of its device, and what its User-Agent tells where it says nothing.

use crate::ids::DeviceId;
use crate::text::{TextError, bounded};
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;
use woothee::parser::Parser;

pub const MAX_FINGERPRINT: usize = 128;
/// Devices of a user are numbered from 1 to this, as Signal's clients want it.
pub const MAX_SIGNAL_DEVICE_ID: i16 = 127;
/// The number of a device that is gone is not given to another before this: whoever talked
/// to the one must not believe to talk to it still.
pub const SIGNAL_DEVICE_ID_REUSE_DELAY: Duration = Duration::from_hours(90 * 24);

pub const MAX_NAME: usize = 100;
pub const MAX_MODEL: usize = 100;
pub const MAX_OS_VERSION: usize = 50;
pub const MAX_APP_VERSION: usize = 20;
pub const MAX_PUSH_TOKEN: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be one of ios, android, web, desktop")]
pub struct DeviceTypeError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceType {
    Ios,
    Android,
    Web,
    Desktop,
}

impl DeviceType {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Android => "android",
            Self::Web => "web",
            Self::Desktop => "desktop",
        }
    }

    pub fn parse(input: &str) -> Result<Self, DeviceTypeError> {
        [Self::Ios, Self::Android, Self::Web, Self::Desktop]
            .into_iter()
            .find(|kind| kind.as_str() == input)
            .ok_or(DeviceTypeError)
    }
}

/// The client's own stable id of its device (`installationId`, or `deviceId`, on the wire).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub fn parse(input: String) -> Result<Self, TextError> {
        bounded(input, MAX_FINGERPRINT).map(Self)
    }

    /// Of a client that sends none: it learns it from the answer.
    #[must_use]
    pub fn of_random(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid().to_string())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }

    /// The row that it names, if it has the form of a row's id: clients that sent no id of their
    /// own keep the id that the answer gave them.
    #[must_use]
    pub fn as_device_id(&self) -> Option<DeviceId> {
        let is_hyphenated = self.0.len() == uuid::fmt::Hyphenated::LENGTH;
        let id = is_hyphenated.then(|| Uuid::try_parse(&self.0).ok()).flatten();
        id.map(DeviceId::from_uuid)
    }
}

/// Derives the type and the name of a device that sent neither.
#[must_use]
pub fn from_user_agent(user_agent: &str) -> (DeviceType, String) {
    let agent = user_agent.to_ascii_lowercase();
    let has = |word: &str| agent.contains(word);
    // It names the browser engine that it contains.
    if has("electron") {
        return (DeviceType::Desktop, "Desktop app".to_owned());
    }
    let parsed = Parser::new().parse(user_agent).unwrap_or_default();
    // Crawlers and libraries are no browsers, whatever they are called.
    let browser =
        known_name(parsed.name).filter(|_| !["crawler", "misc"].contains(&parsed.category));
    let system = known_name(parsed.os).map(|os| if os == "Mac OSX" { "macOS" } else { os });
    match (browser, system) {
        // A browser on a phone is the web client.
        (Some(browser), Some(system)) => (DeviceType::Web, format!("{browser} on {system}")),
        (Some(browser), None) => (DeviceType::Web, browser.to_owned()),
        (None, Some(phone @ ("iPhone" | "iPad" | "iPod"))) => (DeviceType::Ios, phone.to_owned()),
        (None, Some("Android")) => (DeviceType::Android, "Android device".to_owned()),
        (None, Some("iOS")) => (DeviceType::Ios, "Apple device".to_owned()),
        _ if has("darwin/") => (DeviceType::Ios, "Apple device".to_owned()),
        _ if has("okhttp") => (DeviceType::Android, "Android device".to_owned()),
        _ => (DeviceType::Web, "Unknown device".to_owned()),
    }
}

fn known_name(text: &str) -> Option<&str> {
    Some(text).filter(|text| !["", "UNKNOWN"].contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_an_id_gets_one_that_names_no_row_but_its_own() {
        let drawn = Fingerprint::of_random([7; 16]);
        assert_eq!(drawn.as_str(), "07070707-0707-4707-8707-070707070707");
        assert_eq!(drawn.clone().into_text(), drawn.as_str());
    }

    #[test]
    fn a_user_agent_gives_type_and_name() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                (DeviceType::Web, "Firefox on Linux"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/139.0 Safari/537.36 Edg/139.0",
                (DeviceType::Web, "Edge on Windows 10"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1",
                (DeviceType::Web, "Safari on iPhone"),
            ),
            ("Messenger/12 CFNetwork/1568 Darwin/24.0.0", (DeviceType::Ios, "Apple device")),
            ("Messenger/12 CFNetwork/1568", (DeviceType::Ios, "Apple device")),
            ("Messenger/12 Darwin/24.0.0", (DeviceType::Ios, "Apple device")),
            ("Messenger/3.1 (iPhone; iOS 18.5)", (DeviceType::Ios, "iPhone")),
            ("okhttp/4.12.0", (DeviceType::Android, "Android device")),
            (
                "Mozilla/5.0 Chrome/130 Electron/33.0 Safari/537.36",
                (DeviceType::Desktop, "Desktop app"),
            ),
            ("curl/8.5.0", (DeviceType::Web, "Unknown device")),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                (DeviceType::Web, "Unknown device"),
            ),
            ("", (DeviceType::Web, "Unknown device")),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
                (DeviceType::Web, "Chrome on Android"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36 EdgA/139.0.0.0",
                (DeviceType::Web, "Edge on Android"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 EdgiOS/139.0.3405.86 Mobile/15E148 Safari/605.1.15",
                (DeviceType::Web, "Edge on iPhone"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/139.0.7258.76 Mobile/15E148 Safari/604.1",
                (DeviceType::Web, "Chrome on iPhone"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 15_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/142.0 Mobile/15E148 Safari/605.1.15",
                (DeviceType::Web, "Firefox on iPhone"),
            ),
            (
                "Mozilla/5.0 (Android 15; Mobile; rv:142.0) Gecko/142.0 Firefox/142.0",
                (DeviceType::Web, "Firefox on Android"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
                (DeviceType::Web, "Safari on macOS"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Signal/7.30.0 Chrome/130.0.6723.59 Electron/33.0.2 Safari/537.36",
                (DeviceType::Desktop, "Desktop app"),
            ),
            (
                "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP2A.240805.005)",
                (DeviceType::Android, "Android device"),
            ),
            ("Signal/7.68 (iPad; iOS 18.6; Scale/2.00)", (DeviceType::Ios, "iPad")),
        ] {
            let (kind, name) = from_user_agent(agent);
            assert_eq!((kind, &*name), expected, "{agent}");
        }
    }

    #[test]
    fn the_number_of_a_device_rests_for_ninety_days() {
        assert_eq!(SIGNAL_DEVICE_ID_REUSE_DELAY.as_secs(), 7_776_000);
    }

    #[test]
    fn a_fingerprint_is_the_text_of_the_client() {
        assert_eq!(Fingerprint::parse("Phone 1".to_owned()).unwrap().as_str(), "Phone 1");
    }

    #[test]
    fn a_fingerprint_may_be_the_id_of_a_row() {
        let id = "0190a5d0-1234-7000-8000-00000000abcd";
        for text in [id.to_owned(), id.to_uppercase()] {
            let named = Fingerprint::parse(text).unwrap().as_device_id();
            assert_eq!(named.map(|id| id.to_string()).as_deref(), Some(id));
        }
        for other in ["phone-1", &id.replace('-', ""), &format!("{{{id}}}"), &id.replace('a', "g")]
        {
            assert_eq!(
                Fingerprint::parse(other.to_owned()).unwrap().as_device_id(),
                None,
                "{other}"
            );
        }
    }

    #[test]
    fn only_the_four_types_are_known() {
        assert_eq!(DeviceType::parse("ios"), Ok(DeviceType::Ios));
        for bad in ["", "iOS", "tv", "ios "] {
            assert_eq!(DeviceType::parse(bad), Err(DeviceTypeError), "{bad:?}");
        }
    }
}
