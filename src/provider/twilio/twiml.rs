//! What Twilio is told to do with a call that is not connected: TwiML.

/// Why a call is turned away, as the caller's telephone shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// There is no room.
    Busy,
    /// No calls are taken.
    Rejected,
}

/// Turns a call away before it is answered: it costs nothing.
pub fn reject(why: Rejection) -> String {
    let reason = match why {
        Rejection::Busy => "busy",
        Rejection::Rejected => "rejected",
    };
    document(&format!("<Reject reason=\"{reason}\"/>"))
}

/// Answers, says a text, and hangs up.
pub fn announce(text: &str) -> String {
    document(&format!("<Say>{}</Say><Hangup/>", escaped(text)))
}

fn document(verbs: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{verbs}</Response>")
}

/// Text as XML has it; what XML cannot have is a space.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_turned_away_with_a_reason() {
        assert!(reject(Rejection::Busy).ends_with("<Response><Reject reason=\"busy\"/></Response>"));
        assert!(reject(Rejection::Rejected).ends_with("<Response><Reject reason=\"rejected\"/></Response>"));
    }

    #[test]
    fn an_announcement_is_text_whatever_it_says() {
        let twiml = announce("Ada & Bob's <Dial>\u{0}\"4\"</Dial>");
        let said = "<Say>Ada &amp; Bob&apos;s &lt;Dial&gt; &quot;4&quot;&lt;/Dial&gt;</Say><Hangup/></Response>";
        assert!(twiml.ends_with(said), "{twiml}");
    }
}
