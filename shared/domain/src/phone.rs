//! Phone numbers: E.164 as libphonenumber understands it.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use std::fmt;
use thiserror::Error;

/// The longest spelling taken: 15 digits (ITU-T E.164) with room for separators.
const MAX_LENGTH: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PhoneError {
    #[error("may hold only +, digits, spaces, parentheses, hyphens and dots")]
    Characters,
    #[error("must be in international form, beginning with + and a country code")]
    NotInternational,
    #[error("is not a valid phone number")]
    Invalid,
}

/// A valid number in its one normal form, `+33612345678`. Prints masked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// ITU-T E.164 country codes of two digits; 1 and 7 have one, all others three.
const TWO_DIGIT_COUNTRIES: [&str; 44] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65",
    "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// The regions that libphonenumber knows. It is not asked itself: a function that only reads its
/// configuration would hold all of its metadata, a tenth of the function.
const REGIONS: &str = "\
AC AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
BR BS BT BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO \
DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU \
GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW \
KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT \
PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA \
TC TD TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK \
YE YT ZA ZM ZW";

impl PhoneNumber {
    /// Parses what a person typed. Only the characters of a written number are let
    /// through: the library itself would also take letters, extensions and `tel:`.
    pub fn parse(input: &str) -> Result<Self, PhoneError> {
        let allowed = |c: char| c.is_ascii_digit() || "+ ()-.".contains(c);
        if input.len() > MAX_LENGTH || !input.chars().all(allowed) {
            return Err(PhoneError::Characters);
        }
        let input = input.trim_matches(' ');
        if !input.starts_with('+') || input.matches('+').count() != 1 {
            return Err(PhoneError::NotInternational);
        }
        let number = PHONE_NUMBER_UTIL.parse(input, None).map_err(|_| PhoneError::Invalid)?;
        if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
            return Err(PhoneError::Invalid);
        }
        let e164 = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164);
        // Some plans allow more digits than E.164 has; no number of that length is stored.
        Self::from_stored(e164.into_owned())
    }

    /// A number that this service itself stored in its normal form: not parsed again,
    /// which would cost a cold start the library's metadata.
    pub fn from_stored(e164: String) -> Result<Self, PhoneError> {
        let digits = e164.strip_prefix('+').unwrap_or_default();
        if (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(e164))
        } else {
            Err(PhoneError::Invalid)
        }
    }

    #[must_use]
    pub fn as_e164(&self) -> &str {
        &self.0
    }

    /// Calling code of the country or region, without the plus.
    #[must_use]
    pub fn country_code(&self) -> &str {
        let digits = self.0.trim_start_matches('+');
        let length = match digits.get(..1) {
            Some("1" | "7") => 1,
            _ if digits.get(..2).is_some_and(|two| TWO_DIGIT_COUNTRIES.contains(&two)) => 2,
            _ => 3,
        };
        digits.get(..length).unwrap_or(digits)
    }

    /// Whether [`PhoneNumber::region`] can be this.
    #[must_use]
    pub fn is_region(text: &str) -> bool {
        REGIONS.split(' ').any(|region| region == text)
    }

    /// Whose budget pays for a message to this number: its region as libphonenumber knows it,
    /// `FR`. The calling code, if it belongs to no region.
    #[must_use]
    pub fn region(&self) -> String {
        let number = PHONE_NUMBER_UTIL.parse(&self.0, None).ok();
        let region = number.and_then(|number| number.get_region_code());
        // Satellites and the like have a calling code each, and no region.
        let region = region.filter(|region| *region != Region::World);
        region.map_or_else(|| self.country_code().to_owned(), |region| region.to_string())
    }

    /// The block of 10,000 numbers that this one is of: those who sell calls rent blocks.
    #[must_use]
    pub fn number_block(&self) -> &str {
        self.0.get(..self.0.len().saturating_sub(4)).unwrap_or_default()
    }

    /// What logs may hold: `+33***5678`.
    #[must_use]
    pub fn masked(&self) -> String {
        let last = &self.0[self.0.len().saturating_sub(4)..];
        format!("+{}***{last}", self.country_code())
    }

    /// Loads the metadata and compiles the patterns that the first parse needs, on a thread of its own: 16 ms of
    /// CPU at full speed. For a function's start: while its secrets come over the network, and with all
    /// the CPU that Lambda gives a start, so that the first number is parsed at once.
    pub fn warm() {
        let parse = || drop(Self::parse("+33612345678"));
        // Without a thread the first number waits.
        let _ = std::thread::Builder::new().name("phone-metadata".to_owned()).spawn(parse);
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// One of 1,024 groups of numbers. In a cluster, all keys of a number are on the node of its
/// slot, and whoever has the id of a verification knows the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneSlot(u16);

impl PhoneSlot {
    pub const BITS: u32 = 10;

    /// The slot of a number, by two bytes of its keyed digest.
    #[must_use]
    pub fn of_digest(bytes: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(bytes) >> (u16::BITS - Self::BITS))
    }

    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for PhoneSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_number_are_one() {
        for spelling in [
            "+33612345678",
            "+33 6 12 34 56 78",
            "+33 (0)6.12.34.56.78",
            "+33-612-345-678",
            " +33612345678 ",
        ] {
            assert_eq!(
                PhoneNumber::parse(spelling).map(|p| p.0).as_deref(),
                Ok("+33612345678"),
                "{spelling}"
            );
        }
    }

    #[test]
    fn a_spelling_has_at_most_forty_characters() {
        for (length, is_taken) in [(39, true), (40, true), (41, false), (42, false)] {
            let phone = PhoneNumber::parse(&format!("{:<length$}", "+33612345678"));
            assert_eq!(phone.is_ok(), is_taken, "{length}");
        }
    }

    #[test]
    fn regions_are_known_by_their_names() {
        assert!(PhoneNumber::is_region("FR") && PhoneNumber::is_region("JM"));
        assert!(!PhoneNumber::is_region("XX") && !PhoneNumber::is_region("fr"));
        assert!(!PhoneNumber::is_region("") && !PhoneNumber::is_region("FR GA"));
        let mut known: Vec<String> =
            PHONE_NUMBER_UTIL.get_supported_regions().map(|region| region.to_string()).collect();
        known.sort_unstable();
        assert_eq!(known.join(" "), REGIONS);
    }

    #[test]
    fn what_is_no_international_number_is_refused() {
        use PhoneError::{Characters, Invalid, NotInternational};
        for (input, error) in [
            ("", NotInternational),
            ("0612345678", NotInternational),
            ("33612345678", NotInternational),
            ("0033612345678", NotInternational),
            ("++33612345678", NotInternational),
            ("+", Invalid),
            ("+33", Invalid),
            ("+336123456789999", Invalid),
            ("+99912345678", Invalid),
            // Valid in Germany, and longer than E.164 allows.
            ("+49 2824 1628241464", Invalid),
            ("+1800FLOWERS", Characters),
            ("+33612345678 ext. 5", Characters),
            ("+33612345678;ext=5", Characters),
            ("tel:+33612345678", Characters),
            ("+33612345678\0", Characters),
            ("+٣٣٦١٢٣٤٥٦٧٨", Characters),
            ("\u{ff0b}33612345678", Characters),
        ] {
            assert_eq!(PhoneNumber::parse(input), Err(error), "{input:?}");
        }
    }

    #[test]
    fn a_number_prints_masked() {
        let phone = PhoneNumber::parse("+33612345678").unwrap();
        assert_eq!(
            (format!("{phone:?}").as_str(), phone.as_e164()),
            ("+33***5678", "+33612345678")
        );
        let phone = PhoneNumber::parse("+12015550123").unwrap();
        assert_eq!(phone.masked(), "+1***0123");
        assert_eq!((&*phone.region(), phone.number_block()), ("US", "+1201555"));
        let phone = PhoneNumber::from_stored("+35226123456".to_owned()).unwrap();
        assert_eq!(phone.masked(), "+352***3456");
        assert_eq!((&*phone.region(), phone.number_block()), ("LU", "+3522612"));
        let phone = PhoneNumber::parse("+18762101234").unwrap();
        assert_eq!(phone.region(), "JM");
        let phone = PhoneNumber::from_stored("+99912345678".to_owned()).unwrap();
        assert_eq!(phone.region(), "999");
    }
}
