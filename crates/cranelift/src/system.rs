//! What the operating system has to do for executable memory.

use std::io;

/// Whether this may be over soon, as when the process has all the files open that it may.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::EINTR));
    #[cfg(windows)]
    return error.kind() == io::ErrorKind::Interrupted;
}

#[cfg(unix)]
pub(crate) use unix::{discard, map, page_size, unmap, write};
#[cfg(windows)]
pub(crate) use windows::{discard, map, page_size, unmap, write};

/// How code gets into memory that is executable and not writable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writing {
    /// Through `/proc/self/mem`, which writes to the process's private pages whatever their protection is. No
    /// writable mapping ever exists, and code next to the new one goes on running.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    ProcessMemory,
    /// A `MAP_JIT` mapping, which the hardware makes writable for the writing thread and only for it.
    #[cfg(all(target_os = "macos", target_arch = "aarch64"))]
    ThreadWritable,
    /// Whole pages are made writable, filled and made executable again. No page is shared by two functions.
    Pages,
}

impl Writing {
    /// What to try first.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const PREFERRED: Writing = Writing::ProcessMemory;
    /// What to try first.
    #[cfg(all(target_os = "macos", target_arch = "aarch64"))]
    pub const PREFERRED: Writing = Writing::ThreadWritable;
    /// What to try first.
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        all(target_os = "macos", target_arch = "aarch64")
    )))]
    pub const PREFERRED: Writing = Writing::Pages;

    /// What to try when this does not work. `/proc` may be missing, or be closed to processes that changed their
    /// user; a hardened macOS process may lack the entitlement for `MAP_JIT`.
    pub fn fallback(self) -> Option<Writing> {
        (self != Writing::Pages).then_some(Writing::Pages)
    }

    /// Code is allocated in multiples of this, a power of two and the alignment of functions.
    pub fn unit(self) -> usize {
        match self {
            Writing::Pages => page_size(),
            #[cfg(any(
                target_os = "linux",
                target_os = "android",
                all(target_os = "macos", target_arch = "aarch64")
            ))]
            _ => 32,
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use libc::{MAP_ANON, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE};

    use super::{Writing, io};

    pub(crate) fn page_size() -> usize {
        static SIZE: AtomicUsize = AtomicUsize::new(0);
        match SIZE.load(Ordering::Relaxed) {
            0 => {
                // SAFETY: asks for a number.
                let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
                SIZE.store(size, Ordering::Relaxed);
                size
            }
            size => size,
        }
    }

    fn pointer(address: usize) -> *mut libc::c_void {
        std::ptr::with_exposed_provenance_mut(address)
    }

    /// Maps fresh memory for code and returns its address.
    pub(crate) fn map(writing: Writing, size: usize) -> io::Result<usize> {
        let (protection, flags) = match writing {
            #[cfg(all(target_os = "macos", target_arch = "aarch64"))]
            Writing::ThreadWritable => (PROT_READ | PROT_WRITE | PROT_EXEC, libc::MAP_JIT),
            _ => (PROT_READ | PROT_EXEC, 0),
        };
        // SAFETY: a new mapping at an address that the system chooses.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                protection,
                MAP_PRIVATE | MAP_ANON | flags,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            Err(io::Error::last_os_error())
        } else {
            Ok(base.expose_provenance())
        }
    }

    /// Unmaps what [`map`] returned.
    ///
    /// # Safety
    /// `base` and `size` are a mapping of [`map`], and nothing refers to it any more.
    pub(crate) unsafe fn unmap(base: usize, size: usize) {
        // SAFETY: promised by the caller.
        let result = unsafe { libc::munmap(pointer(base), size) };
        debug_assert_eq!(result, 0, "{}", io::Error::last_os_error());
    }

    /// Lets the system take the memory of unused pages; they may read as anything afterwards.
    ///
    /// # Safety
    /// The range is in whole pages of one mapping of [`map`] and holds nothing of value.
    pub(crate) unsafe fn discard(start: usize, size: usize) {
        // Elsewhere than on Linux this is not allowed on executable pages, or does nothing for them.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: promised by the caller.
        unsafe {
            libc::madvise(pointer(start), size, libc::MADV_DONTNEED);
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = (start, size);
    }

    /// Writes `code` to the start of a free range.
    ///
    /// # Safety
    /// The range lies in a mapping made by [`map`] for this way of writing, in whole units of it, and no code in it is
    /// in use.
    pub(crate) unsafe fn write(writing: Writing, start: usize, size: usize, code: &[u8]) -> io::Result<()> {
        match writing {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Writing::ProcessMemory => write_process_memory(start, code),
            #[cfg(all(target_os = "macos", target_arch = "aarch64"))]
            Writing::ThreadWritable => {
                // SAFETY: the mapping is MAP_JIT, so this thread may write between the two calls, and the range is
                // free. Nothing in between calls out.
                unsafe {
                    libc::pthread_jit_write_protect_np(0);
                    std::ptr::copy_nonoverlapping(code.as_ptr(), pointer(start).cast(), code.len());
                    libc::pthread_jit_write_protect_np(1);
                }
                Ok(())
            }
            // SAFETY: the range is in whole pages, which nobody uses.
            Writing::Pages => unsafe { write_pages(start, size, code) },
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn write_process_memory(start: usize, code: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        // Opened each time: a descriptor kept over a fork would go on writing to the parent.
        let memory = std::fs::OpenOptions::new().write(true).open("/proc/self/mem")?;
        memory.write_all_at(code, start as u64)?;
        // SAFETY: the range is mapped readable, and nobody else writes to it.
        let written = unsafe { std::slice::from_raw_parts(pointer(start).cast::<u8>(), code.len()) };
        if written == code {
            Ok(())
        } else {
            Err(io::Error::other("writing through /proc/self/mem has no effect"))
        }
    }

    unsafe fn write_pages(start: usize, size: usize, code: &[u8]) -> io::Result<()> {
        let protect = |protection| {
            // SAFETY: whole pages that hold no code in use, as the caller promises.
            match unsafe { libc::mprotect(pointer(start), size, protection) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        protect(PROT_READ | PROT_WRITE)?;
        // SAFETY: the pages are writable now and the code is not longer than they are.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), pointer(start).cast(), code.len()) };
        protect(PROT_READ | PROT_EXEC)
    }
}

#[cfg(windows)]
mod windows {
    use std::sync::OnceLock;

    use windows_sys::Win32::System::Memory::{
        MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_EXECUTE_READ, PAGE_READWRITE, VirtualAlloc, VirtualFree,
        VirtualProtect,
    };
    use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};

    use super::{Writing, io};

    pub(crate) fn page_size() -> usize {
        static SIZE: OnceLock<usize> = OnceLock::new();
        *SIZE.get_or_init(|| {
            let mut info = SYSTEM_INFO::default();
            // SAFETY: fills the struct.
            unsafe { GetSystemInfo(&mut info) };
            info.dwPageSize as usize
        })
    }

    fn pointer(address: usize) -> *mut core::ffi::c_void {
        std::ptr::with_exposed_provenance_mut(address)
    }

    /// Maps fresh memory for code and returns its address.
    pub(crate) fn map(_: Writing, size: usize) -> io::Result<usize> {
        // SAFETY: a new mapping at an address that the system chooses.
        let base = unsafe { VirtualAlloc(std::ptr::null(), size, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READ) };
        if base.is_null() {
            Err(io::Error::last_os_error())
        } else {
            Ok(base.expose_provenance())
        }
    }

    /// Unmaps what [`map`] returned.
    ///
    /// # Safety
    /// `base` is a mapping of [`map`], and nothing refers to it any more.
    pub(crate) unsafe fn unmap(base: usize, _: usize) {
        // SAFETY: promised by the caller.
        let result = unsafe { VirtualFree(pointer(base), 0, MEM_RELEASE) };
        debug_assert_ne!(result, 0, "{}", io::Error::last_os_error());
    }

    /// Committed pages stay; the system writes them out when memory is short.
    ///
    /// # Safety
    /// None needed; the name and signature are those of the Unix form.
    pub(crate) unsafe fn discard(_: usize, _: usize) {}

    /// Writes `code` to the start of a free range.
    ///
    /// # Safety
    /// The range lies in a mapping made by [`map`], in whole pages, and no code in it is in use.
    pub(crate) unsafe fn write(writing: Writing, start: usize, size: usize, code: &[u8]) -> io::Result<()> {
        let protect = |protection| {
            let mut old = 0;
            // SAFETY: whole pages that hold no code in use, as the caller promises.
            match unsafe { VirtualProtect(pointer(start), size, protection, &mut old) } {
                0 => Err(io::Error::last_os_error()),
                _ => Ok(()),
            }
        };
        match writing {
            Writing::Pages => {
                protect(PAGE_READWRITE)?;
                // SAFETY: the pages are writable now and the code is not longer than they are.
                unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), pointer(start).cast(), code.len()) };
                protect(PAGE_EXECUTE_READ)
            }
        }
    }
}
