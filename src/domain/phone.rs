//! Telephone numbers in E.164, and the form in which they may be seen.

use std::fmt;

use phonenumber::Mode;
use phonenumber::metadata::DATABASE;
use phonenumber::{Metadata, PhoneNumber, country};

/// A valid number in E.164: `+`, then up to 15 digits (ITU-T E.164).
///
/// `Debug` and `Display` show the masked form only; [`E164::expose`] is for the provider alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct E164(Box<str>);

/// Text that is no telephone number of any numbering plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the number must be E.164, for example +14155550123, or national with the business's country set")]
pub struct InvalidNumber;

/// Reads the numbering plans, which are large: to be done at the start, off the threads that answer requests.
///
/// Otherwise the first number pays for it, and everybody who shares its thread.
pub fn load_numbering_plans() {
    let _ = E164::parse("+14155550123", None);
}

impl E164 {
    /// Reads a number: E.164, or national where the `country` (ISO 3166-1 alpha-2) is known.
    ///
    /// Numbers must be possible in the numbering plan; whether they are assigned is the carrier's to say.
    pub fn parse(text: &str, country: Option<&str>) -> Result<Self, InvalidNumber> {
        let text = text.trim();
        let plausible = (4..=32).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.' | '/'));
        if !plausible {
            return Err(InvalidNumber);
        }
        let country: Option<country::Id> = country.and_then(|code| code.to_ascii_uppercase().parse().ok());
        if !text.starts_with('+') && country.is_none() {
            return Err(InvalidNumber);
        }
        let number = phonenumber::parse(country, text).map_err(|_| InvalidNumber)?;
        let formatted = phonenumber::format(&number).mode(Mode::E164).to_string();
        if is_possible(&number) { Ok(Self(formatted.into())) } else { Err(InvalidNumber) }
    }

    /// The whole number, for the provider and the do-not-call list.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The number with its middle hidden.
    pub fn masked(&self) -> MaskedNumber {
        MaskedNumber::of(&self.0)
    }
}

/// Whether the number has a length that its country's numbering plan knows.
///
/// Stricter checks refuse ranges that are newer than the metadata, and every number reserved for examples.
fn is_possible(number: &PhoneNumber) -> bool {
    let Ok(national) = u16::try_from(number.national().to_string().len()) else { return false };
    DATABASE
        .by_code(&number.country().code())
        .is_some_and(|regions| regions.iter().any(|region| knows(region, national)))
}

/// Whether any kind of number of the region has that many digits.
fn knows(region: &Metadata, digits: u16) -> bool {
    let kinds = region.descriptors();
    [
        kinds.fixed_line(),
        kinds.mobile(),
        kinds.toll_free(),
        kinds.premium_rate(),
        kinds.shared_cost(),
        kinds.personal_number(),
        kinds.voip(),
        kinds.pager(),
        kinds.uan(),
    ]
    .into_iter()
    .flatten()
    .any(|kind| kind.possible_length().contains(&digits))
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E164({})", self.masked())
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.masked().fmt(f)
    }
}

/// Whether there are telephone numbers of a country of that name (ISO 3166-1 alpha-2).
pub fn is_country(code: &str) -> bool {
    code.to_ascii_uppercase().parse::<country::Id>().is_ok()
}

/// A number that may be stored and shown: `+1415•••0123`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct MaskedNumber(String);

impl MaskedNumber {
    /// Hides the middle of any text that stands for a caller.
    pub fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().filter(|c| !c.is_control()).take(64).collect();
        let (head, tail) =
            if chars.len() > 10 { (5, 4) } else { (chars.len().min(2), chars.len().saturating_sub(2).min(2)) };
        let start: String = chars[..head].iter().collect();
        let end: String = chars[chars.len() - tail..].iter().collect();
        Self(format!("{start}•••{end}"))
    }

    /// The masked text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MaskedNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a parser says of a request quotes it: without runs of digits that may be telephone numbers.
pub fn without_numbers(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut run = String::new();
    for character in text.chars().chain(['\0']) {
        if character.is_ascii_digit() {
            run.push(character);
            continue;
        }
        shown.push_str(if run.len() >= 7 { "•••" } else { &run });
        run.clear();
        shown.push(character);
    }
    shown.truncate(shown.len() - 1);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("+14155550123", None, "+14155550123")]
    #[case("+1 (415) 555-0123", None, "+14155550123")]
    #[case("+44 20 7946 0958", None, "+442079460958")]
    #[case("030 901820", Some("DE"), "+4930901820")]
    #[case("(212) 736-5000", Some("us"), "+12127365000")]
    fn numbers_are_read(#[case] text: &str, #[case] country: Option<&str>, #[case] e164: &str) {
        assert_eq!(E164::parse(text, country).unwrap().expose(), e164);
    }

    #[rstest]
    #[case("")]
    #[case("+")]
    #[case("+1")]
    #[case("12345")]
    #[case("4155550123")]
    #[case("+99912345678901234")]
    #[case("tel:+14155550123")]
    #[case("+1415555O123")]
    fn what_is_no_number_is_refused(#[case] text: &str) {
        assert_eq!(E164::parse(text, None), Err(InvalidNumber));
    }

    #[test]
    fn a_number_never_shows_itself() {
        let number = E164::parse("+14155550123", None).unwrap();
        assert_eq!(format!("{number} {number:?}"), "+1415•••0123 E164(+1415•••0123)");
    }

    proptest! {
        #[test]
        fn any_text_is_masked_without_a_panic(text in "\\PC*") {
            let masked = MaskedNumber::of(&text);
            prop_assert!(text.chars().count() < 5 || !masked.as_str().contains(&text));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}", country in proptest::option::of("[A-Z]{2}")) {
            let _ = E164::parse(&text, country.as_deref());
        }
    }
}
