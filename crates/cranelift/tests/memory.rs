//! Code memory: what is freed is used again, nothing else is touched, and a forked child is on its own.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::*;
use justjit_builder::{Builder, IntOp};
use justjit_cranelift::{Backend, Code};

/// Pseudo-random numbers (an xorshift generator).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// A function that returns `value`, some `padding` instructions long.
fn padded(backend: &mut Backend, value: i64, padding: usize) -> Code {
    compile(backend, &I64_TO_I64, |b| {
        let mut x = b.param(0);
        for index in 0..padding {
            let y = b.int_op_const(IntOp::Xor, x, index as i64);
            x = b.int_op(IntOp::Mul, x, y);
        }
        let zero = b.int_op_const(IntOp::And, x, 0);
        let result = b.int_op_const(IntOp::Add, zero, value);
        b.store(x, result, 0);
        b.ret(result);
    })
}

/// `padded` wants a place to write to, whose address is its value.
fn check(code: &Code, place: &mut i64) {
    assert_eq!(call1(code, 1), place as *mut i64 as i64);
}

#[test]
fn compiling_and_freeing_stays_flat() {
    let mut backend = backend();
    drop(constant(&mut backend, 0));
    let mapped = backend.mapped_bytes();
    for value in 0..10_000 {
        let code = constant(&mut backend, value);
        assert_eq!(call0(&code), value);
    }
    assert_eq!(backend.mapped_bytes(), mapped);
    assert_eq!(backend.code_bytes_in_use(), 0);
}

#[test]
fn functions_share_pages() {
    let mut backend = backend();
    let functions: Vec<_> = (0..5000).map(|value| constant(&mut backend, value)).collect();
    assert!(
        backend.code_bytes_in_use() <= 5000 * 64,
        "{}",
        backend.code_bytes_in_use()
    );
    assert!(backend.mapped_bytes() <= 1 << 20, "{}", backend.mapped_bytes());
    for (value, code) in functions.iter().enumerate() {
        assert_eq!(call0(code), value as i64);
    }
    drop(functions);
    assert_eq!(backend.code_bytes_in_use(), 0);
}

#[test]
fn code_is_freed_in_any_order() {
    let mut backend = backend();
    let mut random = Random(42);
    let mut places = vec![0_i64; 400];
    let mut live: Vec<Option<Code>> = (0..places.len()).map(|_| None).collect();
    for _ in 0..6000 {
        let slot = random.below(places.len());
        if live[slot].take().is_none() {
            let address = &raw mut places[slot] as i64;
            live[slot] = Some(padded(&mut backend, address, random.below(100)));
        }
        let slot = random.below(places.len());
        if let Some(code) = &live[slot] {
            check(code, &mut places[slot]);
        }
    }
    let used: usize = live.iter().flatten().map(Code::size).sum();
    assert!(backend.code_bytes_in_use() < used + 32 * live.len());
    for (code, place) in live.iter().zip(&mut places) {
        code.iter().for_each(|code| check(code, place));
    }
    while !live.is_empty() {
        let index = random.below(live.len());
        live.swap_remove(index);
    }
    assert_eq!(backend.code_bytes_in_use(), 0);
    assert!(backend.mapped_bytes() <= 1 << 20, "one empty chunk at most");
}

#[test]
fn code_outlives_its_compiler() {
    let mut backend = backend();
    let code = constant(&mut backend, 7);
    drop(backend);
    assert_eq!(call0(&code), 7);
    std::thread::spawn(move || assert_eq!(call0(&code), 7)).join().unwrap();
}

#[test]
fn a_function_larger_than_a_chunk() {
    let mut backend = Backend::new(justjit_cranelift::Options {
        optimize: false,
        single_pass_regalloc: true,
        ..Default::default()
    })
    .unwrap();
    let mut place = 0;
    let small = constant(&mut backend, 5);
    let code = padded(&mut backend, &raw mut place as i64, 20_000);
    assert!(code.size() > 64 << 10);
    check(&code, &mut place);
    assert_eq!(call0(&small), 5);
}

#[test]
fn code_runs_while_its_neighbours_come_and_go() {
    let mut backend = backend();
    let spinning = constant(&mut backend, 99);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let runner = scope.spawn(|| {
            let mut rounds = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(call0(&spinning), 99);
                rounds += 1;
            }
            rounds
        });
        for value in 0..2000 {
            let code = constant(&mut backend, value);
            assert_eq!(call0(&code), value);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(runner.join().unwrap() > 0);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_writable_and_executable() {
    let mut backend = backend();
    let code = constant(&mut backend, 1);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let address = code.address() as usize;
    let mut found = false;
    for line in maps.lines() {
        let mut fields = line.split(' ');
        let (range, protection) = (fields.next().unwrap(), fields.next().unwrap());
        assert!(!(protection.contains('w') && protection.contains('x')), "{line}");
        let (start, end) = range.split_once('-').unwrap();
        let bound = |text| usize::from_str_radix(text, 16).unwrap();
        if (bound(start)..bound(end)).contains(&address) {
            assert_eq!(protection, "r-xp");
            found = true;
        }
    }
    assert!(found);
}

#[cfg(unix)]
mod fork {
    use super::*;

    /// Runs `child` in a forked child and says whether it came to its end.
    fn in_child(child: impl FnOnce()) -> bool {
        // SAFETY: the child allocates and compiles, which the C library and our allocator allow after a fork, and
        // leaves without running anybody's exit handlers.
        unsafe {
            match libc::fork() {
                0 => {
                    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).is_ok();
                    libc::_exit(if ended { 0 } else { 1 });
                }
                pid => {
                    assert!(pid > 0);
                    let mut status = 0;
                    assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
                    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
                }
            }
        }
    }

    #[test]
    fn parent_and_child_do_not_see_each_others_code() {
        let mut backend = backend();
        let mut functions: Vec<_> = (0..100).map(|value| constant(&mut backend, value)).collect();
        // Holes that both sides will fill.
        let kept: Vec<_> = functions
            .drain(..)
            .enumerate()
            .filter(|(index, _)| index % 2 == 0)
            .collect();
        let verify = |kept: &[(usize, Code)]| {
            for (value, code) in kept {
                assert_eq!(call0(code), *value as i64);
            }
        };
        assert!(in_child(|| {
            verify(&kept);
            let mut kept = kept;
            let new: Vec<_> = (1000..1200).map(|value| constant(&mut backend, value)).collect();
            verify(&kept);
            // Code of the parent is freed and its place filled, in the child only.
            kept.truncate(10);
            let more: Vec<_> = (5000..5200).map(|value| constant(&mut backend, value)).collect();
            verify(&kept);
            for (code, value) in new.iter().zip(1000..).chain(more.iter().zip(5000..)) {
                assert_eq!(call0(code), value);
            }
        }));
    }

    #[test]
    fn the_parent_goes_on_while_the_child_lives() {
        let mut backend = backend();
        let before = constant(&mut backend, 1);
        let (mut to_child, mut to_parent) = ([0; 2], [0; 2]);
        // SAFETY: makes two pipes.
        unsafe {
            assert_eq!(libc::pipe(to_child.as_mut_ptr()), 0);
            assert_eq!(libc::pipe(to_parent.as_mut_ptr()), 0);
        }
        // SAFETY: reads and writes one byte of a pipe.
        let wait = |pipe: [i32; 2]| unsafe { assert_eq!(libc::read(pipe[0], [0_u8].as_mut_ptr().cast(), 1), 1) };
        // SAFETY: as above.
        let tell = |pipe: [i32; 2]| unsafe { assert_eq!(libc::write(pipe[1], [0_u8].as_ptr().cast(), 1), 1) };

        // SAFETY: as in `in_child`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let mine = constant(&mut backend, 2);
            tell(to_parent);
            wait(to_child);
            // Had the parent's new code gone into the same memory, this would be 3.
            let good = call0(&mine) == 2 && call0(&before) == 1;
            // SAFETY: leaves.
            unsafe { libc::_exit(if good { 0 } else { 1 }) };
        }
        wait(to_parent);
        let mine = constant(&mut backend, 3);
        assert_eq!(call0(&mine), 3);
        drop(before);
        let more: Vec<_> = (10..50).map(|value| constant(&mut backend, value)).collect();
        assert!(more.iter().zip(10..).all(|(code, value)| call0(code) == value));
        tell(to_child);
        let mut status = 0;
        // SAFETY: waits for the child.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        assert_eq!(status, 0);
        assert_eq!(call0(&mine), 3);
    }

    #[test]
    fn a_child_can_compile_though_another_thread_was_compiling() {
        let mut backend = backend();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut backend = super::backend();
                while !stop.load(Ordering::Relaxed) {
                    drop(constant(&mut backend, 5));
                }
            });
            for value in 0..200 {
                assert!(in_child(|| assert_eq!(call0(&constant(&mut backend, value)), value)));
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}
