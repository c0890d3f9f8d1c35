//! Where the compiler's memory comes from.
//!
//! Compiling a large function takes tens of megabytes for a tenth of a second. From `malloc` these would stay with the
//! process: its heap shrinks at the end only, and what is freed once makes it take the next such blocks from the heap as well.
//! So large blocks are mapped, each on its own, and go back to the system when they are freed. This is about the memory
//! that Rust code asks for; the program's own is not touched.

use std::alloc::{GlobalAlloc, Layout, System};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Bytes from which on a block is mapped. What smaller functions take stays below.
const LARGE: usize = 256 << 10;

struct Allocator;

fn is_mapped(layout: Layout) -> bool {
    // Mappings begin at pages, which have at least this size.
    layout.size() >= LARGE && layout.align() <= 4096
}

unsafe fn map(size: usize) -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, which overlaps nothing.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            flags,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return std::ptr::null_mut();
    }
    start.cast()
}

// SAFETY: whether a block is a mapping of its own follows from its layout, which its owner gives back with it; the rest is the
// system's allocator.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see the trait.
        unsafe {
            if is_mapped(layout) {
                return map(layout.size());
            }
            System.alloc(layout)
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see the trait. What is newly mapped is zero.
        unsafe {
            if is_mapped(layout) {
                return map(layout.size());
            }
            System.alloc_zeroed(layout)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: see the trait. Unmapping a whole mapping cannot fail.
        unsafe {
            if is_mapped(layout) {
                libc::munmap(block.cast(), layout.size());
                return;
            }
            System.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: see the trait: the new size is a valid one for this alignment.
        unsafe {
            let wanted = Layout::from_size_align_unchecked(size, layout.align());
            match (is_mapped(layout), is_mapped(wanted)) {
                (false, false) => System.realloc(block, layout, size),
                (true, true) => {
                    let moved = libc::mremap(block.cast(), layout.size(), size, libc::MREMAP_MAYMOVE);
                    if moved == libc::MAP_FAILED {
                        return std::ptr::null_mut();
                    }
                    moved.cast()
                }
                _ => {
                    let other = self.alloc(wanted);
                    if !other.is_null() {
                        std::ptr::copy_nonoverlapping(block, other, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    other
                }
            }
        }
    }
}
