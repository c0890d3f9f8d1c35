//! Every way of writing that this system has, on an allocator of the test's own.

use super::*;

#[cfg(target_arch = "x86_64")]
fn returning(value: u8) -> Vec<u8> {
    // mov eax, value; ret
    vec![0xb8, value, 0, 0, 0, 0xc3]
}

#[cfg(target_arch = "aarch64")]
fn returning(value: u8) -> Vec<u8> {
    // mov w0, value; ret
    [0x5280_0000_u32 | u32::from(value) << 5, 0xd65f_03c0]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect()
}

fn run(region: &Region) -> u8 {
    // SAFETY: the region holds what `returning` made.
    let function: extern "C" fn() -> i32 = unsafe { std::mem::transmute(region.start()) };
    function() as u8
}

fn memory(writing: Writing) -> Memory {
    Memory {
        writing,
        ..Memory::new()
    }
}

fn ways() -> Vec<Writing> {
    std::iter::successors(Some(Writing::PREFERRED), |way| way.fallback()).collect()
}

fn close(mut memory: Memory, regions: Vec<Region>) {
    for region in &regions {
        memory.release(region);
    }
    for (base, chunk) in memory.chunks {
        assert!(chunk.is_empty());
        assert_eq!(chunk.free, BTreeMap::from([(0, chunk.size)]));
        // SAFETY: the chunk is empty.
        unsafe { system::unmap(base, chunk.size) };
    }
}

#[test]
fn each_way_of_writing_gives_code_that_runs() {
    for way in ways() {
        let mut memory = memory(way);
        let regions: Vec<_> = (0..100)
            .map(|value| memory.publish(&returning(value), 16).unwrap())
            .collect();
        assert_eq!(memory.writing, way, "this system can do it");
        assert!(regions.iter().zip(0..).all(|(region, value)| run(region) == value));
        assert!(regions.iter().all(|region| region.size() == way.unit()));
        close(memory, regions);
    }
}

#[test]
fn freed_memory_is_used_again_at_once() {
    for way in ways() {
        let mut memory = memory(way);
        let mut regions: Vec<_> = (0..10)
            .map(|value| memory.publish(&returning(value), 16).unwrap())
            .collect();
        let hole = regions.remove(4);
        memory.release(&hole);
        let filled = memory.publish(&returning(77), 16).unwrap();
        assert_eq!(filled.start(), hole.start());
        assert_eq!((run(&filled), run(&regions[3]), run(&regions[4])), (77, 3, 5));
        regions.push(filled);
        close(memory, regions);
    }
}

#[test]
fn whole_pages_go_back_and_come_again() {
    let mut memory = memory(Writing::PREFERRED);
    let page = system::page_size();
    let large = vec![0xcc; 3 * page + 32];
    let regions: Vec<_> = (0..4).map(|_| memory.publish(&large, 16).unwrap()).collect();
    memory.release(&regions[1]);
    memory.release(&regions[2]);
    for region in [&regions[0], &regions[3]] {
        // SAFETY: the region is readable.
        let bytes = unsafe { std::slice::from_raw_parts(region.start(), large.len()) };
        assert_eq!(bytes, large, "what is not free stays");
    }
    let code = memory.publish(&returning(9), 16).unwrap();
    assert_eq!(code.start(), regions[1].start());
    assert_eq!(run(&code), 9);
    let [first, _, _, last] = <[Region; 4]>::try_from(regions).ok().unwrap();
    close(memory, vec![first, last, code]);
}

#[cfg(target_os = "linux")]
#[test]
fn code_of_a_failed_way_stays() {
    let mut memory = memory(Writing::ProcessMemory);
    let old = memory.publish(&returning(1), 16).unwrap();
    memory.writing = memory.writing.fallback().unwrap();
    let new = memory.publish(&returning(2), 16).unwrap();
    assert_eq!((run(&old), run(&new)), (1, 2));
    assert_eq!(memory.chunks.len(), 2);
    memory.release(&old);
    assert_eq!(memory.chunks.len(), 1, "an empty chunk of the old way is no use");
    close(memory, vec![new]);
}

#[cfg(target_os = "linux")]
#[test]
fn too_many_open_files() {
    // SAFETY: gets and sets a limit of this process, which is the test's own.
    let set = |soft| unsafe {
        let mut limit = std::mem::zeroed::<libc::rlimit>();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        let old = std::mem::replace(&mut limit.rlim_cur, soft);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
        old
    };
    let mut memory = memory(Writing::ProcessMemory);
    let old = set(0);
    let during = memory.publish(&returning(1), 16);
    set(old);
    let (during, after) = (during.unwrap(), memory.publish(&returning(2), 16).unwrap());
    assert_eq!((run(&during), run(&after)), (1, 2));
    assert_eq!(
        (during.size(), after.size()),
        (Writing::Pages.unit(), Writing::ProcessMemory.unit())
    );
    close(memory, vec![during, after]);
}

#[test]
fn ranges_are_joined_again() {
    let mut chunk = Chunk::new(1024, Writing::PREFERRED);
    let offsets: Vec<_> = (0..8).map(|_| chunk.take(128).unwrap()).collect();
    assert_eq!(chunk.take(32), None);
    assert_eq!(chunk.largest, 0);
    assert_eq!(chunk.give_back(offsets[2], 128), (256, 384));
    assert_eq!(chunk.give_back(offsets[4], 128), (512, 640));
    assert_eq!(chunk.take(256), None);
    assert_eq!(chunk.give_back(offsets[3], 128), (256, 640));
    assert_eq!(chunk.take(256), Some(256));
    assert_eq!(chunk.give_back(256, 256), (256, 640));
    for index in [0, 7, 5, 1, 6] {
        chunk.give_back(offsets[index], 128);
    }
    assert!(chunk.is_empty());
    assert_eq!(chunk.free, BTreeMap::from([(0, 1024)]));
}

#[test]
fn what_cannot_be_published() {
    let mut memory = Memory::new();
    assert!(memory.publish(&[], 16).is_err());
    assert!(memory.publish(&[0xc3], 1 << 30).is_err());
    assert!(
        memory
            .publish(&vec![0; 1 << 20], 16)
            .map(|region| memory.release(&region))
            .is_ok()
    );
}
