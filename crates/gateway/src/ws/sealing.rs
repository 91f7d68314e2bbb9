//! TLS of a socket that is written to by many: what they write is sealed in order, at once, and never waited for.

use std::io::{self, Read, Write};

use tokio_rustls::rustls::ServerConnection;

/// One side of a TLS connection whose handshake is done.
pub(super) struct Seal {
    session: ServerConnection,
    /// What has come and is not opened yet.
    unread: Vec<u8>,
    /// Nothing more comes.
    ended: bool,
}

impl Seal {
    pub(super) fn new(mut session: ServerConnection) -> Self {
        // All that is sealed is taken out at once.
        session.set_buffer_limit(None);
        Self { session, unread: Vec::new(), ended: false }
    }

    /// Seals bytes.
    pub(super) fn close(&mut self, bytes: &[u8]) -> Vec<u8> {
        // Into memory, and without limits: it can't fail, nor be cut short.
        self.session.writer().write_all(bytes).ok();
        self.take_out()
    }

    /// Says that nothing more comes.
    pub(super) fn end(&mut self) -> Vec<u8> {
        self.session.send_close_notify();
        self.take_out()
    }

    /// Takes in what has come; nothing means that nothing more comes.
    pub(super) fn take_in(&mut self, sealed: &[u8]) {
        self.ended = self.ended || sealed.is_empty();
        self.unread.extend_from_slice(sealed);
    }

    /// Opens into `buffer` what has come; `None` if more has to come first. What TLS itself has to answer is put behind
    /// `answers`.
    pub(super) fn open(&mut self, buffer: &mut [u8], answers: &mut Vec<u8>) -> io::Result<Option<usize>> {
        loop {
            match self.session.reader().read(buffer) {
                Ok(read) => return Ok(Some(read)),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => {}
            }
            if self.unread.is_empty() {
                return if self.ended { Ok(Some(0)) } else { Ok(None) };
            }
            let mut unread = self.unread.as_slice();
            let taken = self.session.read_tls(&mut unread)?;
            self.unread.drain(..taken);
            let processed = self.session.process_new_packets();
            answers.extend(self.take_out());
            processed.map_err(io::Error::other)?;
        }
    }

    fn take_out(&mut self) -> Vec<u8> {
        let mut sealed = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut sealed).ok();
        }
        sealed
    }
}
