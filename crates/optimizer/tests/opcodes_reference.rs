//! The opcode reference in `docs` is what its generator prints.

#[path = "../examples/opcodes_reference.rs"]
mod generator;

const COMMITTED: &str = include_str!("../../../docs/OPCODES_REFERENCE.md");

#[test]
fn committed_page_is_up_to_date() {
    let generated = generator::page();
    let differing = COMMITTED
        .lines()
        .zip(generated.lines())
        .find(|(one, other)| one != other);
    if let Some((committed, generated)) = differing {
        panic!("run `make docs`: the page says\n{committed}\nand the tables say\n{generated}");
    }
    assert!(COMMITTED == generated, "run `make docs`");
}
