//! `check_refcounts` finds references that are given away too often, or never.

use justjit_ir::{parse, verify};
use justjit_passes::{Pipeline, check_refcounts, passes};

const HEADER: &str = "function f\n@f = code\n@none = object immortal\n@o = object\n\
    @take = function(consumed object) any\n@give = function() -> owned object any\n\
    @typed = function(object) -> owned object any\n\
    b0(v0: object, v1: bool, v2: pointer):\n";

const STATES: &str = "\ns0 = resume type [@f 0 locals() stack()]\ns1 = resume type [@f 0 locals(owned v0) stack()]\n\
    s2 = resume type [@f 0 locals(owned v0, owned v0) stack()]\ns3 = resume type [@f 0 locals(borrowed v0) stack()] release(v0)\n\
    s4 = raise exception [@f 0 locals() stack()]\ns5 = wait callee [@f 0 locals() stack()]\n";

fn check(body: &str) -> Result<(), String> {
    let text = format!("{HEADER}{body}{STATES}");
    let function = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify(&function).unwrap_or_else(|error| panic!("{error}\n{text}"));
    check_refcounts(&function).map_err(|errors| errors.join("\n"))
}

#[test]
fn right() {
    let cases = [
        "incref v0\n return v0",
        "v9: object = null\n return v9",
        "v9: object = object @none\n return v9",
        "v9: object = object @o\n incref v9\n return v9",
        "v9: object = call @give\n return v9",
        "incref v0\n call @take v0\n incref v0\n return v0",
        "incref v0\n guard v1 ! s1\n return v0",
        "incref v0\n guard v1 ! s3\n return v0",
        "guard v1 ! s0\n incref v0\n incref v0\n guard v1 ! s2\n decref v0 ! s1\n return v0",
        "incref v0\n branch v1, b1, b2(v0)\nb1:\n return v0\nb2(v9: object):\n return v9",
        // A reference goes round a loop.
        "incref v0\n jump b1(v0)\nb1(v9: object):\n branch v1, b2, b3\nb2:\n v10: object = call @give\n decref_number v9\n jump b1(v10)\nb3:\n return v9",
        // What is stored belongs to memory, what was there to the code.
        "v9: object = load.object.i64.items v2\n incref v0\n store.object.i64.items v2, v0\n hand_over v0\n take_over v9\n return v9",
        // NULL, or what stands for an exception, is no reference: neither where the code is left for it, nor on a way on which
        // it is known.
        "v8: object = call @give\n v9: bool = is_null v8\n v10: bool = bool_not v9\n guard v10 ! s4\n return v8",
        "v8: object = call @give\n v9: int = address_of v8\n v10: int = int 1\n v11: bool = int_compare.ne v9, v10\n guard v11 ! s4\n return v8",
        "v8: object = call @give\n v9: bool = is_null v8\n branch v9, b1, b2\nb1:\n v10: object = null\n return v10\nb2:\n return v8",
        "v8: object = call @give\n v9: bool = is_null v8\n branch v9, b1, b2\nb1:\n branch v1, b2, b3\nb2:\n return v8\nb3:\n v10: object = null\n return v10",
        "v8: object = call @give\n v9: object = object @none\n v10: bool = same v8, v9\n branch v10, b1, b2\nb1:\n return v9\nb2:\n return v8",
        // A way that is never taken.
        "v8: object = call @give\n v9: bool = bool false\n branch v9, b1, b2\nb1:\n v10: object = null\n return v10\nb2:\n return v8",
        // A callee that has left its code gives nothing.
        "v8: object = call @typed v0\n guard v1 ! s5\n return v8",
        // The same object, whichever of the constants it comes from.
        "v8: object = object @o\n incref v8\n branch v1, b1, b2\nb1:\n v9: object = object @o\n return v9\nb2:\n return v8",
        "branch v1, b1, b2\nb1:\n v9: object = call @give\n jump b3(v9)\nb2:\n v10: object = null\n jump b3(v10)\nb3(v11: object):\n return v11",
        // What is NULL need not be given away.
        "v9: object = call @give\n v10: bool = is_null v9\n v11: object = null\n branch v10, b1, b2\nb1:\n return v11\nb2:\n decref_number v9\n return v11",
    ];
    for body in cases {
        assert_eq!(check(body), Ok(()), "{body}");
    }
}

#[test]
fn wrong() {
    let cases = [
        ("return v0", "1 references of v0 are needed at the start"),
        (
            "v9: object = object @o\n return v9",
            "1 references of v9 (object) are needed at the start",
        ),
        (
            "v9: object = call @give\n v10: object = null\n return v10",
            "it gives 1 references of v9, 0 are needed",
        ),
        (
            "v9: object = call @give\n decref_number v9\n return v9",
            "it gives 1 references of v9, 2 are needed",
        ),
        (
            "incref v0\n incref v0\n return v0",
            "1 references of v0 are never given away",
        ),
        // What is stored and not handed over, handed over twice, taken out of memory and kept.
        (
            "incref v0\n store.object.i64.items v2, v0\n v9: object = null\n return v9",
            "b0: `incref v0`: 1 references of v0 are never given away",
        ),
        (
            "incref v0\n store.object.i64.items v2, v0\n hand_over v0\n hand_over v0\n v9: object = null\n return v9",
            "b0: 1 references of v0 are needed at the start",
        ),
        (
            "v9: object = load.object.i64.items v2\n store.object.i64.items v2, v0\n take_over v9\n incref v0\n hand_over v0\n v10: object = null\n return v10",
            "b0: `take_over v9`: 1 references of v9 are never given away",
        ),
        (
            "v9: object = load.object.i64.items v2\n decref_number v9\n v10: object = null\n return v10",
            "b0: `v9: object = load.object.i64.items v2`: it gives 0 references of v9, 1 are needed",
        ),
        // What a callee takes over.
        (
            "incref v0\n call @take v0\n return v0",
            "b0: 1 references of v0 are needed at the start",
        ),
        (
            "v8: object = call @give\n call @take v8\n decref_number v8\n v9: object = null\n return v9",
            "b0: `v8: object = call @give`: it gives 1 references of v8, 2 are needed",
        ),
        // It is given up on one way only; the other knows that something else is NULL.
        (
            "v8: object = call @give\n v9: bool = is_null v0\n branch v9, b1, b2\nb1:\n v10: object = null\n return v10\nb2:\n return v8",
            "b0: `branch v9, b1, b2`: one way needs 0 references of v8, the other 1",
        ),
        (
            "v8: object = call @give\n guard v1 ! s4\n return v8",
            "b0: `guard v1 ! s4`: behind are needed 1 references of v8, s4 gives 0",
        ),
        (
            "incref v0\n guard v1 ! s0\n return v0",
            "`guard v1 ! s0`: behind are needed 1 references of v0, s0 gives 0",
        ),
        (
            "guard v1 ! s1\n incref v0\n return v0",
            "`guard v1 ! s1`: behind are needed 0 references of v0, s1 gives 1",
        ),
        (
            "incref v0\n branch v1, b1, b2\nb1:\n return v0\nb2:\n v9: object = null\n return v9",
            "one way needs",
        ),
        (
            "v9: object = call @give\n v10: bool = is_null v9\n v11: object = null\n branch v10, b1, b2\nb1:\n decref_number v9\n return v11\nb2:\n return v11",
            "it gives 1 references, 0 are needed",
        ),
        (
            "incref v0\n decref v0 ! s1\n v9: object = null\n return v9",
            "`decref v0 ! s1`: behind are needed 0 references of v0, s1 gives 1",
        ),
        (
            "incref v0\n jump b1(v0)\nb1(v9: object):\n branch v1, b2, b3\nb2:\n v10: object = call @give\n jump b1(v10)\nb3:\n return v9",
            "b1: `branch v1, b2, b3`: one way needs 0 references of v9, the other 1",
        ),
        (
            "incref v0\n jump b1(v0)\nb1(v9: object) entry s0:\n branch v1, b1(v9), b3\nb3:\n return v9",
            "its entry state gives {}",
        ),
    ];
    for (body, message) in cases {
        let error = check(body).expect_err(body);
        assert!(error.contains(message), "{body}: {error}");
    }
}

#[test]
fn pipelines_refuse_what_was_built_wrong() {
    let body = "v8: object = call @give\n decref_number v8\n return v8";
    let mut function = parse(&format!("{HEADER}{body}{STATES}")).expect("a function");
    let mut pipeline = Pipeline {
        references: true,
        ..Pipeline::default()
    };
    let error = pipeline.run(&mut function).expect_err("a reference is given up twice");
    assert_eq!(
        error.to_string(),
        "after the pass (none: as it was built): b0: `v8: object = call @give`: it gives 1 references of v8, 2 are needed"
    );
}

#[test]
fn references_that_go_through_memory_in_between() {
    // A reference that memory has had in the meantime is counted neither up nor down, and memory has a borrowed one.
    let body = "store.object.i64.items v2, v0\n incref v0\n hand_over v0\n v9: object = null\n store.object.i64.items v2, v9\n \
        take_over v0\n decref_number v0\n return v9";
    let text = format!("{HEADER}{body}{STATES}");
    let mut function = parse(&text).expect("a function");
    check_refcounts(&function).expect("it is right");
    let pass = passes().iter().find(|pass| pass.name == "refcounts").expect("the pass");
    assert!((pass.run)(&mut function));
    check_refcounts(&function).expect("it stays right");
    let left = function.to_string();
    for gone in ["incref v0", "hand_over v0", "take_over v0", "decref_number v0"] {
        assert!(!left.contains(gone), "{gone} is in\n{left}");
    }
}
