//! TLS for a socket with many writers: their bytes are encrypted in order and without waiting.

use std::io::{self, Read, Write};

use tokio_rustls::rustls::ServerConnection;

/// The server's side of a TLS connection after its handshake.
pub(super) struct TlsSession {
    connection: ServerConnection,
    /// Received bytes that are not decrypted yet.
    received: Vec<u8>,
    /// The client sends nothing more.
    is_at_end: bool,
}

impl TlsSession {
    pub(super) fn new(mut connection: ServerConnection) -> Self {
        // Encrypted bytes are taken out at once, so that nothing accumulates.
        connection.set_buffer_limit(None);
        Self { connection, received: Vec::new(), is_at_end: false }
    }

    /// Encrypts bytes.
    pub(super) fn encrypt(&mut self, bytes: &[u8]) -> Vec<u8> {
        // A write into memory without a limit neither fails nor is partial.
        self.connection.writer().write_all(bytes).ok();
        self.take_output()
    }

    /// Returns the bytes that announce the end of the stream.
    pub(super) fn close_notify(&mut self) -> Vec<u8> {
        self.connection.send_close_notify();
        self.take_output()
    }

    /// Adds received bytes; an empty slice means the end of the stream.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.is_at_end = self.is_at_end || bytes.is_empty();
        self.received.extend_from_slice(bytes);
    }

    /// Decrypts received bytes into `buffer`; `None` if more must be received first. Appends the answers of TLS itself
    /// to `answers`.
    pub(super) fn decrypt(&mut self, buffer: &mut [u8], answers: &mut Vec<u8>) -> io::Result<Option<usize>> {
        loop {
            match self.connection.reader().read(buffer) {
                Ok(read) => return Ok(Some(read)),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => {}
            }
            if self.received.is_empty() {
                self.shrink_buffers();
                return if self.is_at_end { Ok(Some(0)) } else { Ok(None) };
            }
            let mut received = self.received.as_slice();
            let taken = self.connection.read_tls(&mut received)?;
            self.received.drain(..taken);
            let processed = self.connection.process_new_packets();
            answers.extend(self.take_output());
            processed.map_err(io::Error::other)?;
        }
    }

    /// Releases the buffers of what was received: ten thousand idle connections must not keep those of their last messages.
    fn shrink_buffers(&mut self) {
        self.received = Vec::new();
        // rustls shrinks its buffer to 4 KiB before a read, even if the read finds nothing.
        self.connection.read_tls(&mut NothingReceived).ok();
    }

    fn take_output(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut output).ok();
        }
        output
    }
}

/// A stream without bytes that has not ended.
struct NothingReceived;

impl Read for NothingReceived {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}
