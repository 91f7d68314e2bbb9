//! Replies of a Redis server.

use std::io::{self, BufRead};

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A status, a number or an error, with its prefix.
    Line(String),
    /// Bytes as text; `None` for a null reply.
    Text(Option<String>),
    /// An array of replies.
    List(Vec<Reply>),
}

impl Reply {
    /// Reads one reply.
    ///
    /// # Errors
    /// An error of the connection, or a malformed reply.
    pub fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        match line.as_bytes().first() {
            Some(b'$') => read_text(from, &line[1..]),
            Some(b'*') => {
                let length: usize = line[1..].parse().map_err(|_| io::ErrorKind::InvalidData)?;
                Ok(Self::List((0..length).map(|_| Self::read(from)).collect::<io::Result<_>>()?))
            }
            Some(_) | None => Ok(Self::Line(line.to_owned())),
        }
    }

    /// Returns the texts of a list; empty for any other reply.
    pub fn texts(&self) -> Vec<&str> {
        let Self::List(replies) = self else { return vec![] };
        replies
            .iter()
            .filter_map(|reply| match reply {
                Self::Text(Some(text)) | Self::Line(text) => Some(text.as_str()),
                Self::Text(None) | Self::List(_) => None,
            })
            .collect()
    }

    /// Returns a line or a text; empty for a list.
    pub fn into_text(self) -> String {
        match self {
            Self::Line(text) | Self::Text(Some(text)) => text,
            Self::Text(None) | Self::List(_) => String::new(),
        }
    }
}

fn read_text(from: &mut impl BufRead, length: &str) -> io::Result<Reply> {
    if length == "-1" {
        return Ok(Reply::Text(None));
    }
    let length: usize = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = vec![0; length + 2];
    from.read_exact(&mut bytes)?;
    bytes.truncate(length);
    Ok(Reply::Text(Some(String::from_utf8_lossy(&bytes).into_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_reply_is_decoded() {
        let mut bytes = "+OK\r\n*3\r\n$2\r\na\n\r\n$-1\r\n:7\r\n*0\r\n-ERR no\r\n".as_bytes();
        assert_eq!(Reply::read(&mut bytes).unwrap(), Reply::Line("+OK".to_owned()));
        let list = Reply::read(&mut bytes).unwrap();
        assert_eq!(list.texts(), ["a\n", ":7"]);
        assert_eq!(Reply::read(&mut bytes).unwrap(), Reply::List(vec![]));
        assert_eq!(Reply::read(&mut bytes).unwrap().into_text(), "-ERR no");
        assert!(Reply::read(&mut bytes).is_err());
    }
}
