//! Finds the elements of one list of a JSON object as bytes arrive.
//!
//! It only tells where elements begin and end. Each element, and the text around them, is for a JSON parser to judge.

/// Passes on the elements of the list under one key of the outermost object.
pub(crate) struct Elements {
    key: &'static str,
    bytes_max: usize,
    nesting: Nesting,
    /// The bytes around the elements, with `0` in the place of each.
    rest: Vec<u8>,
    /// Where the last text of the outermost object begins in `rest`, and where it ends.
    last_text: (usize, usize),
    /// A value of the outermost object comes next.
    is_value_next: bool,
    /// Lists under the key so far.
    lists: usize,
    in_list: bool,
    element: Vec<u8>,
    is_too_large: bool,
    number: u64,
}

/// One element.
pub(crate) struct Element<'e> {
    /// Its number, counted from 1.
    pub(crate) number: u64,
    pub(crate) json: &'e [u8],
    /// It has more bytes than allowed, and was not kept.
    pub(crate) is_too_large: bool,
}

/// The brackets and the text that are open.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl Elements {
    pub(crate) fn new(key: &'static str, bytes_max: usize) -> Self {
        Self {
            key,
            bytes_max,
            nesting: Nesting::default(),
            rest: Vec::new(),
            last_text: (0, 0),
            is_value_next: false,
            lists: 0,
            in_list: false,
            element: Vec::new(),
            is_too_large: false,
            number: 0,
        }
    }

    /// Reads bytes, and passes on each element that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Element<'_>)) {
        for &byte in bytes {
            if self.in_list {
                self.push_in_list(byte, &mut each);
            } else {
                self.push_around(byte);
            }
        }
    }

    /// Returns the number of the element that the bytes end in.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        (self.in_list && !self.element.is_empty()).then_some(self.number + 1)
    }

    /// Tells whether the key has several lists.
    pub(crate) fn is_repeated(&self) -> bool {
        self.lists > 1
    }

    /// Returns the text around the elements, with `0` in the place of each.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.rest
    }

    fn push_in_list(&mut self, byte: u8, each: &mut impl FnMut(Element<'_>)) {
        let is_between = self.nesting.depth == 2 && !self.nesting.in_text;
        if is_between && matches!(byte, b',' | b']') {
            self.end_element(each);
            self.rest.push(byte);
            if byte == b']' {
                self.nesting.depth = 1;
                self.in_list = false;
            }
            return;
        }
        self.nesting.follow(byte);
        // A bracket that closes nothing belongs to the element, which is then not JSON.
        self.nesting.depth = self.nesting.depth.max(2);
        if is_between && self.element.is_empty() && byte.is_ascii_whitespace() {
            return;
        }
        if self.element.len() < self.bytes_max {
            self.element.push(byte);
        } else {
            self.is_too_large = true;
        }
    }

    fn end_element(&mut self, each: &mut impl FnMut(Element<'_>)) {
        if self.element.is_empty() {
            return;
        }
        self.number += 1;
        each(Element { number: self.number, json: &self.element, is_too_large: self.is_too_large });
        self.rest.push(b'0');
        self.element.clear();
        self.is_too_large = false;
    }

    fn push_around(&mut self, byte: u8) {
        let was_text = self.nesting.in_text;
        self.nesting.follow(byte);
        self.rest.push(byte);
        let depth = self.nesting.depth;
        match (was_text, self.nesting.in_text) {
            (false, true) if depth == 1 => self.last_text.0 = self.rest.len() - 1,
            (true, false) if depth == 1 => self.last_text.1 = self.rest.len(),
            (true, _) | (_, true) => {}
            (false, false) if byte.is_ascii_whitespace() => {}
            (false, false) if byte == b':' => self.is_value_next = depth == 1,
            (false, false) => {
                if byte == b'[' && depth == 2 && self.is_value_next && self.is_key() {
                    self.in_list = true;
                    self.lists += 1;
                }
                self.is_value_next = false;
            }
        }
    }

    fn is_key(&self) -> bool {
        let text = self.rest.get(self.last_text.0..self.last_text.1).unwrap_or_default();
        serde_json::from_slice::<String>(text).is_ok_and(|text| text == self.key)
    }
}

impl Nesting {
    fn follow(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.in_text => self.is_escaped = true,
            b'"' => self.in_text = !self.in_text,
            _ if self.in_text => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the elements, the text around them, and the number of the one that does not end.
    fn split(json: &str) -> (Vec<String>, String, Option<u64>) {
        let mut found = Vec::new();
        let mut elements = Elements::new("list", 1000);
        for byte in json.as_bytes() {
            elements.push(&[*byte], |element| found.push(String::from_utf8(element.json.to_vec()).unwrap()));
        }
        (found, String::from_utf8(elements.rest().to_vec()).unwrap(), elements.unfinished())
    }

    #[test]
    fn elements_of_the_list_are_found_and_other_lists_are_not() {
        let json = r#" {"a":["list",[1]],"b":{"list":[2]},"list" : [ {"x":[1,"],}\"\\"]} , 7, "s" ],"c":"list"} "#;
        let (elements, rest, unfinished) = split(json);
        assert_eq!(elements, [r#"{"x":[1,"],}\"\\"]} "#, "7", r#""s" "#]);
        assert_eq!(rest, r#" {"a":["list",[1]],"b":{"list":[2]},"list" : [0,0,0],"c":"list"} "#);
        assert_eq!(unfinished, None);
        assert_eq!(split(r#"{"li\u0073t":[1]}"#).0, ["1"], "the key may be escaped");
        for other in [r#"[{"list":[1]}]"#, r#"{"list":"x","b":[1]}"#, r#"["list",[1]]"#, r#"{"list":{"b":[1]}}"#] {
            assert!(split(other).0.is_empty(), "{other}");
        }
    }

    #[test]
    fn what_is_not_json_stays_so() {
        for (json, rest) in [
            (r#"{"list":[]}"#, r#"{"list":[]}"#),
            (r#"{"list":[1,]}"#, r#"{"list":[0,]}"#),
            (r#"{"list":[,]}"#, r#"{"list":[,]}"#),
            (r#"{"list":[1]]}"#, r#"{"list":[0]]}"#),
        ] {
            assert_eq!(split(json).1, rest);
        }
        for cut in [r#"{"list":[}"#, r#"{"list":[{"a":"b"#, r#"{"list":[1"#] {
            assert_eq!(split(cut).2, Some(1), "{cut}");
        }
        assert_eq!(split(r#"{"list":[1,{"a":"]"#).2, Some(2));
    }

    #[test]
    fn an_element_that_is_too_large_takes_no_memory() {
        let mut elements = Elements::new("list", 10);
        let mut large = Vec::new();
        let json = format!(r#"{{"list":["{}",1]}}"#, "x".repeat(5000));
        elements.push(json.as_bytes(), |element| large.push(element.is_too_large));
        assert_eq!(large, [true, false]);
        assert!(elements.element.capacity() < 100);
    }
}
