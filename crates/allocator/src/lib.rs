//! Returns free memory to the operating system. The only crate with unsafe code: the declaration of a C function.

/// Returns the free memory of glibc's arenas to the operating system; does nothing with another C library.
///
/// glibc keeps freed memory that lies between chunks in use, for good: after a burst of large requests a process would keep
/// several times what it needs. The call takes milliseconds for some hundred MiB, and locks each arena meanwhile.
pub fn release_free_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::malloc_trim(0);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::ffi::c_int;

    // SAFETY: the signature is that of glibc's malloc.h. The function takes no pointer, and may be called by any thread at
    // any time.
    unsafe extern "C" {
        pub(super) safe fn malloc_trim(pad: usize) -> c_int;
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    const CHUNKS: usize = 200_000;
    const CHUNK_BYTES: usize = 500;

    fn resident_bytes() -> usize {
        let own = procfs::process::Process::myself().and_then(|own| own.stat()).expect("the process is known");
        usize::try_from(own.rss * procfs::page_size()).expect("a size fits")
    }

    #[test]
    fn memory_that_is_free_between_chunks_in_use_is_returned() {
        let mut chunks: Vec<Vec<u8>> = (0..CHUNKS).map(|_| vec![1; CHUNK_BYTES]).collect();
        let mut nth = 0;
        chunks.retain(|_| {
            nth += 1;
            nth % 1000 == 0
        });
        let before = resident_bytes();
        release_free_memory();
        let after = resident_bytes();
        assert!(before > after + CHUNKS * CHUNK_BYTES / 2, "{before} bytes, then {after}");
        assert_eq!(chunks.len(), CHUNKS / 1000);
    }
}
