//! Making sure that every core sees new code, not what it had cached at that address.

/// To be called after code was written and before its address is given to anybody.
pub(crate) fn publish(start: *const u8, size: usize) {
    imp::publish(start, size);
}

#[cfg(windows)]
mod imp {
    use windows_sys::Win32::System::Diagnostics::Debug::FlushInstructionCache;
    use windows_sys::Win32::System::Threading::GetCurrentProcess;

    pub fn publish(start: *const u8, size: usize) {
        // SAFETY: the range is mapped; the call changes no memory.
        unsafe { FlushInstructionCache(GetCurrentProcess(), start.cast(), size) };
    }
}

#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
mod imp {
    unsafe extern "C" {
        fn sys_icache_invalidate(start: *mut libc::c_void, size: usize);
    }

    pub fn publish(start: *const u8, size: usize) {
        // SAFETY: the range is mapped; the call changes no memory.
        unsafe { sys_icache_invalidate(start.cast_mut().cast(), size) };
    }
}

#[cfg(all(not(windows), not(target_os = "macos"), target_arch = "aarch64"))]
mod imp {
    use std::arch::asm;

    pub fn publish(start: *const u8, size: usize) {
        let (start, end) = (start.addr(), start.addr() + size);
        let cache_type: usize;
        // SAFETY: reads a register that tells the caches' line sizes.
        unsafe { asm!("mrs {}, ctr_el0", out(reg) cache_type, options(nomem, nostack, preserves_flags)) };
        let instruction_line = 4 << (cache_type & 0xf);
        let data_line = 4 << ((cache_type >> 16) & 0xf);
        for line in (start / data_line * data_line..end).step_by(data_line) {
            // SAFETY: writes a line of mapped memory back to where instructions are fetched from.
            unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
        // SAFETY: a barrier.
        unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
        for line in (start / instruction_line * instruction_line..end).step_by(instruction_line) {
            // SAFETY: drops a line of mapped memory from the instruction caches of all cores.
            unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
        // SAFETY: barriers.
        unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
        #[cfg(any(target_os = "linux", target_os = "android"))]
        synchronize_other_cores();
    }

    /// Other cores may have fetched instructions ahead; the kernel makes each of them start afresh. Where it cannot,
    /// they do so when they next enter the kernel, and nobody jumps to new code without having read its address.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn synchronize_other_cores() {
        const SYNC_CORE: i32 = 1 << 5;
        const REGISTER_SYNC_CORE: i32 = 1 << 6;
        // SAFETY: these commands change no memory.
        unsafe {
            if libc::syscall(libc::SYS_membarrier, SYNC_CORE, 0, 0) != 0
                && libc::syscall(libc::SYS_membarrier, REGISTER_SYNC_CORE, 0, 0) == 0
            {
                libc::syscall(libc::SYS_membarrier, SYNC_CORE, 0, 0);
            }
        }
    }
}

#[cfg(all(not(windows), not(target_arch = "aarch64")))]
mod imp {
    /// x86 keeps its instruction caches coherent, and a jump to new code is enough.
    pub fn publish(_: *const u8, _: usize) {}
}
