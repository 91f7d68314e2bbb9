//! The trace context that nodes and clients pass on.

use std::fmt;
use std::str::FromStr;

/// The position of a span in a trace: a `traceparent` of W3C Trace Context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The id of the trace.
    pub trace: u128,
    /// The id of the span.
    pub span: u64,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

/// The text is not a `traceparent`.
#[derive(Debug, thiserror::Error)]
#[error("not a traceparent of W3C Trace Context")]
pub struct BadTraceParent;

const SAMPLED: u8 = 1;

/// The number of characters of version 00.
const LENGTH: usize = 55;

impl FromStr for TraceParent {
    type Err = BadTraceParent;

    /// Reads version 00, and the part of later versions that is common with it.
    fn from_str(text: &str) -> Result<Self, BadTraceParent> {
        let known = text.get(..LENGTH).ok_or(BadTraceParent)?;
        let mut parts = known.split('-');
        let mut next = |length| parts.next().filter(|part| is_hex(part, length)).ok_or(BadTraceParent);
        let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let is_right = match version {
            "ff" => false,
            "00" => text.len() == LENGTH,
            _ => text.len() == LENGTH || text.as_bytes().get(LENGTH) == Some(&b'-'),
        };
        let trace = u128::from_str_radix(trace, 16).map_err(|_| BadTraceParent)?;
        let span = u64::from_str_radix(span, 16).map_err(|_| BadTraceParent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| BadTraceParent)?;
        if !is_right || trace == 0 || span == 0 {
            return Err(BadTraceParent);
        }
        Ok(Self { trace, span, sampled: flags & SAMPLED != 0 })
    }
}

fn is_hex(part: &str, length: usize) -> bool {
    part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<TraceParent>) {
        assert_eq!(text.parse().ok(), expected, "{text}");
    }

    #[test]
    fn a_traceparent_is_read_as_w3c_specifies() {
        let (trace, span) = (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331);
        let sampled = TraceParent { trace, span, sampled: true };
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        check(text, Some(sampled));
        assert_eq!(sampled.to_string(), text);
        check(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            Some(TraceParent { sampled: false, ..sampled }),
        );
        check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", Some(sampled));
        check("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what.comes", Some(sampled));
        check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what.comes", None);
        check("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what", None);
        check("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None);
        check("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", None);
        check("00-00000000000000000000000000000000-b7ad6b7169203331-01", None);
        check("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", None);
        check("00-0af7651916cd43dd8448eb211c80319c-+7ad6b7169203331-01", None);
        check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", None);
        check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-1", None);
        check("", None);
    }
}
