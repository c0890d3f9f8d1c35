//! What compiling leaves behind in memory: pages of the library's own code, and what `malloc` keeps for next time.

use libc::{PF_W, PF_X, PT_LOAD, c_int, c_void, dl_phdr_info, size_t};

/// Has the system forget which pages of this library's code this process has been at; they come back from the file when they are
/// needed. Loading it runs LLVM's initializers, which are all over the place: most of what they touch nobody needs again. And while
/// nothing is compiled by LLVM, nothing of it is needed.
///
/// A debugger has its breakpoints in pages of the process's own, which would be lost: under one, nothing is done.
pub fn forget_pages() {
    if is_traced() {
        return;
    }
    // SAFETY: the function is one for this, and looks at what it is given only.
    unsafe { libc::dl_iterate_phdr(Some(forget_if_ours), std::ptr::null_mut()) };
}

/// Has `malloc` give back what it has free, in the heaps of all threads. LLVM asks for its memory there, small block by small block:
/// after a large function tens of megabytes are free, and the thread that has them may not compile for a long time.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Nothing is compiled any more, for now.
pub fn rest() {
    forget_pages();
    trim();
}

/// Whether another process traces this one, or that cannot be told.
fn is_traced() -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    !status.is_ok_and(|status| status.lines().any(|line| line == "TracerPid:\t0"))
}

unsafe extern "C" fn forget_if_ours(object: *mut dl_phdr_info, _size: size_t, _data: *mut c_void) -> c_int {
    // SAFETY: the loader describes an object that is mapped; `madvise` gets whole pages of its code, which is never written to.
    unsafe {
        let object = &*object;
        let segments = std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum));
        let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
        let inside = forget_pages as *const () as usize;
        for segment in segments {
            let start = (object.dlpi_addr + segment.p_vaddr) as usize;
            let end = start + segment.p_filesz as usize;
            let is_code = segment.p_type == PT_LOAD && segment.p_flags & (PF_X | PF_W) == PF_X;
            if is_code && (start..end).contains(&inside) {
                let first = start.next_multiple_of(page);
                libc::madvise(first as *mut c_void, (end - first) / page * page, libc::MADV_DONTNEED);
                return 1;
            }
        }
        0
    }
}
