//! The cookies in which a browser keeps the session token of a next-auth server.

use std::borrow::Cow;

use crate::credentials::Credentials;
use crate::identity::Denied;

/// The names of the cookie, the one that only HTTPS can set first: a page on plain HTTP can set the other for its whole site.
const NAMES: [&str; 2] = ["__Secure-next-auth.session-token", "next-auth.session-token"];

/// Longest accepted token in bytes: Node.js, on which next-auth runs, takes 16 KiB of headers.
pub(super) const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Length of the chunks into which next-auth splits a token, which a cookie of 4096 bytes can hold.
const CHUNK_BYTES: usize = 3933;

/// Largest number of chunks: those of the longest token.
const CHUNKS_MAX: usize = TOKEN_BYTES_MAX.div_ceil(CHUNK_BYTES);

/// The cookies of one request that contain session tokens, by [`NAMES`].
#[derive(Default)]
pub(super) struct SessionCookies<'c>([NamedCookies<'c>; NAMES.len()]);

/// The cookies of one name: a whole token, or its chunks, whose names end with `.0`, `.1` and so on.
///
/// A browser can have kept both: the server clears the cookies that it replaces, but not those of another path.
#[derive(Default)]
struct NamedCookies<'c> {
    whole: Option<&'c str>,
    chunks: [Option<&'c str>; CHUNKS_MAX],
}

impl<'c> SessionCookies<'c> {
    /// Finds the cookies of a request. Of several of one name the first counts, as for next-auth; empty ones are cleared
    /// ones.
    pub(super) fn of(credentials: &'c Credentials) -> Self {
        let mut found = Self::default();
        for (name, value) in credentials.cookies().filter(|(_, value)| !value.is_empty()) {
            for (known, cookies) in NAMES.iter().zip(&mut found.0) {
                let Some(suffix) = name.strip_prefix(known) else { continue };
                let slot = if suffix.is_empty() { Some(&mut cookies.whole) } else { cookies.chunk(suffix) };
                if let Some(slot) = slot {
                    slot.get_or_insert(value);
                }
            }
        }
        found
    }

    /// Returns whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|cookies| cookies.whole.is_none() && cookies.chunks.iter().all(Option::is_none))
    }

    /// Returns the tokens, or why one cannot be put together.
    pub(super) fn tokens(&self) -> impl Iterator<Item = Result<Cow<'c, str>, Denied>> {
        self.0.iter().flat_map(|cookies| {
            let whole = cookies.whole.map(|token| Ok(Cow::Borrowed(token)));
            let chunks = cookies.joined_chunks().map(|token| token.map(Cow::Owned));
            let tokens = whole.into_iter().chain(chunks);
            tokens.map(|token| token.and_then(within_limit))
        })
    }
}

impl<'c> NamedCookies<'c> {
    /// Returns the place of the chunk whose name has this suffix.
    fn chunk(&mut self, suffix: &str) -> Option<&mut Option<&'c str>> {
        let number = suffix.strip_prefix('.')?;
        let is_written = number.bytes().all(|digit| digit.is_ascii_digit());
        self.chunks.get_mut(number.parse::<usize>().ok().filter(|_| is_written)?)
    }

    fn joined_chunks(&self) -> Option<Result<String, Denied>> {
        let count = self.chunks.iter().rposition(Option::is_some)? + 1;
        let chunks: Option<Vec<&str>> = self.chunks[..count].iter().copied().collect();
        Some(
            chunks
                .map(|chunks| chunks.concat())
                .ok_or_else(|| Denied::rejected("a chunk of the session token is missing")),
        )
    }
}

fn within_limit(token: Cow<'_, str>) -> Result<Cow<'_, str>, Denied> {
    if token.len() > TOKEN_BYTES_MAX { Err(Denied::rejected("the session token is too long")) } else { Ok(token) }
}
