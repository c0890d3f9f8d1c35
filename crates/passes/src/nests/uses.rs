//! Who uses a value.

use justjit_ir::{Block, Function, Inst};

/// Who uses a value.
pub struct Uses {
    pub insts: Vec<Vec<Inst>>,
    /// In a state, or passed on to a block.
    pub otherwise: Vec<bool>,
    /// Instructions that do so, and headers in whose states it is.
    pub passing: Vec<Vec<Inst>>,
    pub entered: Vec<Vec<Block>>,
}

impl Uses {
    pub fn of(function: &Function) -> Uses {
        let count = function.values.len();
        let mut uses = Uses {
            insts: vec![Vec::new(); count],
            otherwise: vec![false; count],
            passing: vec![Vec::new(); count],
            entered: vec![Vec::new(); count],
        };
        for (index, block) in function.blocks.iter().enumerate() {
            for &inst in &block.insts {
                let data = function.inst(inst);
                for arg in &data.args {
                    uses.insts[arg.index()].push(inst);
                }
                let targets = data.targets.iter().flat_map(|target| target.args.iter().copied());
                let state = data
                    .state
                    .into_iter()
                    .flat_map(|state| function.states[state.index()].values());
                for value in targets.chain(state) {
                    uses.otherwise[value.index()] = true;
                    uses.passing[value.index()].push(inst);
                }
            }
            let entry = block.entry_state.into_iter();
            for value in entry.flat_map(|state| function.states[state.index()].values()) {
                uses.otherwise[value.index()] = true;
                uses.entered[value.index()].push(Block(index as u32));
            }
        }
        uses
    }
}
