//! The space of the disk that the store is on.

use std::path::Path;

use engine::store::Capacity;

/// Returns how full the disk of a directory is, in bytes that this process can use; `None` if that cannot be found out.
pub(crate) fn capacity(folder: &Path) -> Option<Capacity> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let used = disk.f_blocks.saturating_sub(disk.f_bfree).saturating_mul(disk.f_frsize);
    Some(Capacity { used, limit: used.saturating_add(disk.f_bavail.saturating_mul(disk.f_frsize)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_a_size_and_a_missing_directory_has_none() {
        let capacity_of_root = capacity(Path::new("/")).expect("a disk");
        assert!(capacity_of_root.used > 0 && capacity_of_root.used <= capacity_of_root.limit, "{capacity_of_root:?}");
        assert_eq!(capacity(Path::new("/does/not/exist")), None);
    }
}
