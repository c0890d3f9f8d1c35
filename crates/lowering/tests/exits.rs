//! What is written down of the places where code can be left, and the exits that are no arithmetic: safepoints, `locate`.

mod common;

use common::*;
use justjit_ir::{Reason, State};
use justjit_lowering::{Error, Exits};
use justjit_runtime::deopt::{
    DEOPTIMIZE, DeoptReason, FrameRecovery, Going, IteratorOf, Place, Recovery, Returns, VirtualObject,
};
use justjit_runtime::layout::{Frame, ThreadState};
use justjit_runtime::thread::Thread;
use std::mem::offset_of;
use std::ptr::null_mut;

fn place(name: &str, offset: u32) -> Place {
    let start = offset + 1000 * name.len() as u32;
    Place {
        start,
        offset: start,
        next: start + 2,
    }
}

/// A function with one guard, which has this state.
fn guarded(state: &str) -> String {
    format!(
        "function test\n@f = code\n@callee = code\n@o = object\n@class = object\nb0(v0: pointer, v1: pointer, v2: int):\n    \
         v3: object = load.object.i64.data+128 v0\n    v4: object = load.object.i64.data+136 v0\n    \
         v5: float = load.float.f64.data+144 v0\n    v6: bool = has_type @class v3\n    guard v6 ! s0\n    return v4\n\ns0 = {state}\n"
    )
}

#[test]
fn points_say_what_the_states_say() {
    let text = guarded(
        "resume type [@f 2 locals(frame, owned v4, borrowed v4, int v2) stack(virtual 0, null)] \
         [@callee 6 function(const @o) locals(float v5, bool v6, int v2) stack(virtual 1, virtual 2, virtual 3, virtual 4)] \
         virtuals(tuple(virtual 1, borrowed v4), list(int v2), range_iterator(int v2, int v2, int v2), \
         list_iterator(borrowed v4, int v2), bound_method(const @o, virtual 5), slice(null, int v2, null)) release(v3)",
    );
    let function = parsed(&text);
    let mut code = [0u64; 2];
    let mut object = 0u64;
    let symbols = Symbols {
        addresses: [
            ("f", (&raw const code[0]).cast()),
            ("callee", (&raw const code[1]).cast()),
            ("o", (&raw const object).cast()),
        ]
        .into(),
        ..Symbols::default()
    };
    let owner = (&raw mut code).cast();
    let exits = Exits::new(&function, owner, &symbols, &DEOPTIMIZE).unwrap();
    let all: Vec<_> = exits.iter().collect();
    assert_eq!(all.len(), 1);
    let exit = all[0];
    assert_eq!(exit.which, (State(0), None));
    // Parts come before what they are parts of; each value is passed once.
    let names: Vec<_> = exit.words.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["v2", "v4", "v5", "v6", "v3"]);
    let (int, object_at) = (0, 1);
    let constant = Recovery::Constant((&raw mut object).cast());
    let point = &exit.point;
    let made = point.made();
    assert_eq!(
        *made.virtuals,
        [
            VirtualObject::List([Recovery::Int(int)].into()),
            VirtualObject::RangeIterator {
                next: Recovery::Int(int),
                stop: Recovery::Int(int),
                step: Recovery::Int(int),
            },
            VirtualObject::SequenceIterator {
                of: IteratorOf::List,
                sequence: Recovery::Borrowed(object_at),
                index: Recovery::Int(int),
            },
            VirtualObject::Slice {
                start: Recovery::Null,
                stop: Recovery::Int(int),
                step: Recovery::Null,
            },
            VirtualObject::Tuple([Recovery::Virtual(0), Recovery::Borrowed(object_at)].into()),
            VirtualObject::BoundMethod {
                function: constant,
                receiver: Recovery::Virtual(3),
            },
        ]
    );
    assert_eq!(
        *made.frames,
        [
            FrameRecovery {
                code: (&raw mut code[0]).cast(),
                function: Recovery::InFrame,
                place: place("f", 2),
                going: Going::Waits(Returns::Value),
                locals: [
                    Recovery::InFrame,
                    Recovery::Owned(object_at),
                    Recovery::Borrowed(object_at),
                    Recovery::Int(int),
                ]
                .into(),
                stack: [Recovery::Virtual(4), Recovery::Null].into(),
            },
            FrameRecovery {
                code: (&raw mut code[1]).cast(),
                function: constant,
                place: place("callee", 6),
                going: Going::Resume,
                locals: [Recovery::Float(2), Recovery::Bool(3), Recovery::Int(int)].into(),
                stack: [0, 1, 2, 5].map(Recovery::Virtual).into(),
            },
        ]
    );
    assert_eq!(*made.release, [4]);
    assert_eq!((point.owner, point.reason), (owner, DeoptReason::Type));
    // The guard's test says what was expected; the object is passed, so it can be looked at.
    assert_eq!((point.expected.as_deref(), point.subject), (Some("class"), Some(4)));
    let address = &raw const **point;
    let points = exits.into_points();
    assert_eq!(
        &raw const *points.iter().next().unwrap(),
        address,
        "code has the point's address"
    );
}

#[test]
fn an_object_that_is_not_passed_is_no_subject() {
    let function = parsed(&guarded("resume type [@f 2 locals(frame) stack()]"));
    let all = exits(&function, &Symbols::default());
    let point = &all.iter().next().unwrap().point;
    assert_eq!((point.expected.as_deref(), point.subject), (Some("class"), None));
}

#[test]
fn each_reason_is_told_apart() {
    let mut met = Vec::new();
    for reason in Reason::ALL {
        let function = parsed(&guarded(&format!("raise {} [@f 2 locals() stack()]", reason.name())));
        let all = exits(&function, &Symbols::default());
        let point = &all.iter().next().unwrap().point;
        assert_eq!(point.made().frames[0].going, Going::Raise);
        assert!(!met.contains(&point.reason), "{reason:?}");
        met.push(point.reason);
    }
}

#[test]
fn what_cannot_be_recovered_is_an_error() {
    let cyclic = "virtuals(tuple(virtual 1), list(virtual 0))";
    let function = parsed(&guarded(&format!(
        "resume type [@f 2 locals() stack(virtual 0)] {cyclic}"
    )));
    let error = Exits::new(&function, null_mut(), &Symbols::default(), &DEOPTIMIZE).err();
    assert_eq!(error, Some(Error::CyclicVirtuals(State(0))));

    let text = "function test\n@g = function() -> object any\nb0(v0: pointer, v1: pointer, v2: int):\n    \
                v3: object = call @g\n    return v3\n";
    let error = Exits::new(&parsed(text), null_mut(), &Symbols::default(), &DEOPTIMIZE).err();
    assert_eq!(error, Some(Error::Unresolved("g".into())));
}

#[test]
fn unreachable_blocks_have_no_exits() {
    let text = "function test\n@f = code\nb0(v0: pointer, v1: pointer, v2: int):\n    v3: object = null\n    return v3\nb1:\n    \
                deopt ! s0\n\ns0 = resume unreached [@f 2 locals() stack()]\n";
    for program in programs(&mut engines(), text, &Symbols::default()) {
        assert_eq!(program.exits.iter().count(), 0);
        assert_eq!(program.run(&[]), Ok(0), "{}", program.engine);
    }
}

#[test]
fn the_words_are_shared_by_all_exits() {
    // The largest exit decides how much room there is: 40 values here, 1 there.
    let mut text = String::from("function test\n@f = code\nb0(v0: pointer, v1: pointer, v2: int):\n");
    for index in 0..40 {
        let (value, offset) = (10 + index, 128 + 8 * (index % 32));
        text += &format!("    v{value}: int = load.int.i64.data+{offset} v0\n");
    }
    let values: Vec<_> = (10..50).map(|value| format!("int v{value}")).collect();
    text += "    v3: int = int 7\n    v4: bool = int_compare.eq v2, v3\n    guard v4 ! s0\n    deopt ! s1\n\n";
    text += "s0 = resume type [@f 2 locals(int v10) stack()]\n";
    text += &format!("s1 = resume type [@f 2 locals({}) stack()]\n", values.join(", "));
    let inputs: Vec<u64> = (100..132).collect();
    for program in programs(&mut engines(), &text, &Symbols::default()) {
        let end = program.run_on(&mut Memory::new(&inputs), 0, 0);
        assert_eq!(end, End::Left(State(0), vec![100]), "{}", program.engine);
        let end = program.run_on(&mut Memory::new(&inputs), 0, 7);
        let all = (0..40).map(|index| 100 + index % 32).collect();
        assert_eq!(end, End::Left(State(1), all), "{}", program.engine);
    }
}

extern "C" fn alarm(tstate: *mut ThreadState) {
    // SAFETY: the test's own thread state.
    unsafe { (&raw mut (*tstate).eval_breaker).write_volatile(2) };
}

#[test]
fn safepoints_look_at_the_breaker_each_time() {
    // A loop that does nothing but look: only another thread can end it.
    let text = "function test\n@f = code\nb0(v0: pointer, v1: pointer, v2: int):\n    v3: int = int 1\n    safepoint ! s1\n    jump b1(v2)\n\
                b1(v4: int):\n    safepoint ! s0\n    v5: int = int_add_wrapping v4, v3\n    jump b1(v5)\n\n\
                s0 = resume safepoint [@f 2 locals(frame) stack()]\ns1 = resume safepoint [@f 2 locals(null) stack()]\n";
    for program in programs(&mut engines(), text, &Symbols::default()) {
        // SAFETY: nothing in it is looked at but the breaker.
        let mut tstate: Box<ThreadState> = Box::new(unsafe { std::mem::zeroed() });
        let mut thread = Box::new(Thread::new(&raw mut *tstate));
        thread.expected_breaker = 0;
        tstate.eval_breaker = 1;
        let address = (&raw mut *thread) as u64;
        let end = program.run_on(&mut Memory::new(&[]), address, 0);
        assert_eq!(end, End::Left(State(1), vec![]), "{}", program.engine);
        if program.engine == "reference" {
            // It gives up before another thread gets anywhere.
            continue;
        }
        thread.expected_breaker = 1;
        let shared = (&raw mut *tstate) as usize;
        let other = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            alarm(std::ptr::with_exposed_provenance_mut(shared));
        });
        let end = program.run_on(&mut Memory::new(&[]), address, 0);
        assert_eq!(end, End::Left(State(0), vec![]), "{}", program.engine);
        other.join().unwrap();
    }
}

#[test]
fn locate_writes_the_instruction_pointer() {
    let text = "function test\nb0(v0: pointer, v1: pointer, v2: int):\n    locate 6\n    locate 14\n    v3: object = null\n    return v3\n";
    for program in programs(&mut engines(), text, &Symbols::default()) {
        let mut memory = Memory::new(&[]);
        program.run_on(&mut memory, 0, 0);
        let wanted = (&raw const INSTRUCTIONS[7]) as u64;
        assert_eq!(
            memory.words[offset_of!(Frame, instr_ptr) / 8],
            wanted,
            "{}",
            program.engine
        );
    }
}
