//! The text form goes both ways, and the verifier finds what is wrong with a function.

use justjit_ir::{Block, Dominators, Flow, Function, Loops, Op, Type, Value, parse, verify};

/// Something of everything.
const ALL: &str = r#"function "<lambda> \"x\""
@f = code
@g.<locals>.h = code
@"a b\\\"\u{7}" = object
@int = object immortal
@data = data
@append = function(object, consumed object) -> int any
@new = function(int) -> owned object allocate
@nothing = function() reads
inlined @g.<locals>.h

b0(v0: pointer, v1: pointer, v2: int):
    v3: int = int -9223372036854775808
    v4: float = float -0.0
    v5: float = float 0x7ff8000000000001
    v6: float = float 1e-7
    v40: float = float -inf
    v7: bool = bool true
    v8: object = object @"a b\\\"\u{7}"
    v9: pointer = pointer @data
    v10: object = null
    at 4
    v11: object = load.object.i64.frame+72 v0
    v12: bool = has_type @int v11
    guard v12 ! s0
    v13: int = load.int.u8.header-4 v11
    v14: float = load_indexed.float.f32.data*4+8 v9, v2
    store.int.u64.payload*1 v11, v13
    store_indexed.object.i64.items*8+24 v9, v2, v8
    at 1:6
    v15: int = call @append v11, v8
    call @nothing
    v16: bool = int_compare.ult v15, v2
    v17: bool = float_compare.ne v4, v14
    at 8
    v18: int = select v17, v15, v3
    locate 12
    jump b2(v2, v11)

b2(v20: int, v21: object) entry s3:
    safepoint ! s3
    v22: int = int_add_checked v20, v18 ! s1
    branch v16, b2(v22, v21), b4

b4 cold:
    v23: bool = same v21, v8
    branch v23, b5, b6(v20)

b5:
    deopt ! s1

b6(v24: int):
    v25: object = call @new v24
    return v25

s0 = resume type [@f 4 locals(frame, borrowed v11, null) stack(slot 0)]
s1 = raise exception [@f 8 locals(int v20, const @int, bool v17) stack(virtual 0, virtual 1)] [@g.<locals>.h 6 function(const @"a b\\\"\u{7}") locals(float v4) stack(owned v21)] virtuals(tuple(int v18, virtual 1), range_iterator(int v20, int v3, int v15), slice(null, null, null), bound_method(const @int, borrowed v8), exception [1](const @int, borrowed v8), exception [0 1 6 4 @f 2 4 1 @g.<locals>.h 6 6 0](const @int, null, int v20, borrowed v8)) release(v11)
s3 = resume safepoint [@f 2 locals(frame, int v20, null) stack()]
"#;

#[test]
fn round_trip() {
    let function = parse(ALL).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(function.to_string(), ALL);
    verify(&function).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(function.name, "<lambda> \"x\"");
    assert_eq!(function.type_of(Value(14)), Type::Float);
}

#[test]
fn every_operation_is_named_once() {
    for &op in Op::ALL {
        assert_eq!(Op::from_name(op.info().name), Some(op));
    }
}

#[test]
fn annotations_stand_beside_positions_and_are_comments() {
    let function = parse(ALL).unwrap();
    let note = |position: justjit_ir::Position| (position.code == 1).then(|| "y.append(x)\n".to_owned());
    let text = function.annotated(&note).to_string();
    assert!(
        text.contains("    at 1:6  ") && text.contains("  ; y.append(x) \n"),
        "{text}"
    );
    assert_eq!(parse(&text).unwrap().to_string(), ALL);
}

fn body(lines: &str) -> String {
    format!(
        "function f\n@f = code\n@o = object\n@g = function(object) -> owned object any\nb0(v0: int, v1: object, v2: bool, v3: float):\n{lines}\n\
         s0 = resume type [@f 0 locals(int v0) stack()]\ns1 = resume type [@f 0 locals(owned v1, owned v1) stack()]\n\
         s2 = resume type [@f 0 locals(number v9) stack()]\ns3 = resume type [@f 0 locals() stack(virtual 0)]\n\
         s4 = resume type [@f 0 locals(borrowed v0) stack()]\n"
    )
}

#[test]
fn syntax_errors_name_the_line() {
    let cases = [
        ("    v9: int = frobnicate v0", "`frobnicate` is no operation"),
        ("    v9: int = int_add v0 v0", "`,` is wanted, not `v0`"),
        ("    v9: int = int_add v0, v77", "v77 is not defined"),
        ("    v0: int = int 5", "v0 is defined twice"),
        (
            "    v9: int = int 9223372036854775808",
            "`9223372036854775808` is no number that fits here",
        ),
        ("    v9: integer = int 5", "`integer` is no type"),
        ("    jump b9", "b9 is not there"),
        ("    deopt ! s9", "s9 is not there"),
        ("    v9: object = object @q", "@q is not declared"),
        (
            "    v9: int = load.int.i128.header v1",
            "`int.i128.header` is no memory",
        ),
        (
            "    v9: bool = int_compare.most v0, v0",
            "`most` is not what the operation has",
        ),
        ("    guard v2 ! s0 s1", "unexpected `s1`"),
        ("    v9: int = int 5 ?", "unexpected `?`"),
    ];
    for (text, message) in cases {
        let error = parse(&body(text).replace("number v9", "int v0")).expect_err(text);
        assert_eq!((error.line, error.message.as_str()), (6, message), "{text}");
    }
}

#[test]
fn faults_are_found() {
    let cases = [
        ("v9: int = int 1\n return v1\n arrive v0", "a terminator in the middle"),
        ("v9: int = int 1\n return v1\n arrive v0", "it has no terminator"),
        (
            "v10: int = int_add v9, v0\n v9: int = int 1\n return v1",
            "v9 is used where it may not be defined",
        ),
        ("v9: int = int_add v0, v3\n return v1", "operands of types (int, float)"),
        ("v9: float = int_add v0, v0\n return v1", "it gives int, not float"),
        ("v9: int = int_add_checked v0, v0\n return v1", "it has no frame state"),
        (
            "v9: int = int_add v0, v0 ! s0\n return v1",
            "it has a frame state and cannot leave",
        ),
        (
            "v9: int = int 1\n guard v2 ! s3\n return v1",
            "Virtual(0) is of the wrong kind",
        ),
        (
            "v9: int = int 1\n guard v2 ! s4\n return v1",
            "Borrowed(Value(0)) is of the wrong kind",
        ),
        (
            "guard v2 ! s2\n v9: int = int 1\n return v1",
            "v9 is used where it may not be defined",
        ),
        ("v9: int = int 1\n jump b0(v0, v1, v2, v3)", "a jump to the entry"),
        (
            "v9: int = int 1\n branch v2, b1(v0), b1\nb1(v10: int):\n return v1",
            "the arguments for b1 do not fit",
        ),
        (
            "v9: int = int 1\n branch v2, b1(v3), b1(v0)\nb1(v10: int):\n return v1",
            "the arguments for b1 do not fit",
        ),
        ("v9: int = int 1\n branch v2, b1\nb1:\n return v1", "1 targets, not 2"),
        (
            "v9: int = int 1\n branch v2, b1, b2\nb1:\n v10: int = int 5\n jump b2\nb2:\n arrive v10\n return v1",
            "v10 is used where",
        ),
        (
            "v9: int = int 1\n v10: object = call @f v1\n return v1",
            "its immediate is not what the operation wants",
        ),
        (
            "v9: int = int 1\n v10: object = call @g v0\n return v1",
            "operands of types (int)",
        ),
        (
            "v9: int = int 1\n v10: float = select v2, v3, v0\n return v1",
            "operands of types (bool, float, int)",
        ),
        (
            "v9: int = int 1\n v10: bool = same v0, v0\n return v1",
            "operands of types (int, int)",
        ),
        (
            "v9: int = int 1\n store.int.i64.data v1, v3\n return v1",
            "operands of types (object, float)",
        ),
        (
            "v9: int = int 1\n v10: int = load.int.i64.data v0\n return v1",
            "operands of types (int)",
        ),
        (
            "v9: int = int 1\n jump b1\nb1 entry s5:\n v10: int = int 5\n return v1\ns5 = resume type [@f 0 locals(int v10) stack()]",
            "v10 is used where",
        ),
    ];
    for (text, message) in cases {
        let function = parse(&body(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
        let error = verify(&function).expect_err(text);
        assert!(error.0.iter().any(|fault| fault.contains(message)), "{text}: {error}");
    }
    let fine = "v9: int = int 1\n branch v2, b1(v0), b1(v9)\nb1(v10: int):\n return v1\nb7:\n arrive v0\n";
    let function = parse(&body(fine)).unwrap();
    assert_eq!(verify(&function), Ok(()), "an unreachable block is not looked at");
}

fn graph(edges: &[(u32, &[u32])]) -> Function {
    let mut text = String::from("function f\nb0(v0: bool, v1: object):\n");
    for (index, (from, to)) in edges.iter().enumerate() {
        if index > 0 {
            text += &format!("b{from}:\n");
        }
        text += &match to {
            [] => "    return v1\n".to_owned(),
            [one] => format!("    jump b{one}\n"),
            [one, two] => format!("    branch v0, b{one}, b{two}\n"),
            _ => unreachable!(),
        };
    }
    let function = parse(&text).unwrap();
    verify(&function).unwrap();
    function
}

#[test]
fn dominators_by_definition() {
    // Against the definition: A dominates B if B cannot be reached without A. Some hundred random graphs.
    let mut seed = 1u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    for _ in 0..300 {
        let count = 2 + random(9) as u32;
        let lists: Vec<Vec<u32>> = (0..count)
            .map(|_| {
                (0..random(3))
                    .map(|_| 1 + random(u64::from(count) - 1) as u32)
                    .collect()
            })
            .collect();
        let edges: Vec<(u32, &[u32])> = (0..).zip(lists.iter().map(|list| &list[..])).collect();
        let function = graph(&edges);
        let flow = Flow::of(&function);
        let dominators = Dominators::of(&function, &flow);
        let reach = |without: Option<u32>| {
            let mut seen = vec![false; count as usize];
            let mut stack = if without == Some(0) { vec![] } else { vec![0] };
            while let Some(at) = stack.pop() {
                if !std::mem::replace(&mut seen[at as usize], true) {
                    stack.extend(lists[at as usize].iter().filter(|&&to| Some(to) != without));
                }
            }
            seen
        };
        let all = reach(None);
        for a in 0..count {
            assert_eq!(flow.reachable(Block(a)), all[a as usize]);
            let without = reach(Some(a));
            for b in 0..count {
                let dominated = all[a as usize] && all[b as usize] && !without[b as usize];
                assert_eq!(
                    dominators.dominates(Block(a), Block(b)),
                    dominated,
                    "{a} {b} in {lists:?}"
                );
            }
        }
        let order = dominators.preorder();
        assert_eq!(order.len(), flow.order.len());
    }
}

#[test]
fn nested_loops() {
    // 1 is an outer loop's header, 2 an inner one's with two latches, 5 leaves both.
    let function = graph(&[
        (0, &[1]),
        (1, &[2]),
        (2, &[3, 6]),
        (3, &[2, 4]),
        (4, &[2, 5]),
        (6, &[1]),
        (5, &[]),
    ]);
    let flow = Flow::of(&function);
    let dominators = Dominators::of(&function, &flow);
    let loops = Loops::of(&function, &flow, &dominators);
    let [outer, inner] = &loops.loops[..] else {
        panic!("{loops:?}");
    };
    assert_eq!(
        (outer.header, outer.preheader, outer.depth),
        (Block(1), Some(Block(0)), 1)
    );
    assert_eq!(
        (inner.header, inner.preheader, inner.depth),
        (Block(2), Some(Block(1)), 2)
    );
    let mut latches = inner.latches.clone();
    latches.sort_unstable();
    assert_eq!(latches, [Block(3), Block(4)]);
    let mut exits = inner.exits.clone();
    exits.sort_unstable();
    assert_eq!(exits, [(Block(2), Block(6)), (Block(4), Block(5))]);
    assert_eq!(outer.exits, [(Block(4), Block(5))]);
    assert!(loops.innermost(Block(5)).is_none());
    assert_eq!(loops.innermost(Block(6)), inner.parent);
}
